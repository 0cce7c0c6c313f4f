// One reading of one file: finds where things stand in it, and gathers all that is wrong. What may stand where is the
// shapes' business (shape.ts, record.ts).

import { isAlias, isScalar, LineCounter, parseDocument, visit, type Document, type Node } from "yaml";

/** Something wrong in a config file. */
export interface ConfigProblem {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Names the key, what is wrong and what is allowed. One line. */
  readonly message: string;
}

export class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  /** Where each path stands, for problems that are found later. */
  readonly #nodes = new Map<string, Node>();

  /** Parses `text`; what is no YAML is among the problems. */
  constructor(text: string) {
    // In the failsafe schema every scalar is the text that was written: no `yes` that is true, no 010 that is 8.
    this.#document = parseDocument(text, {
      schema: "failsafe",
      uniqueKeys: false, // A key given twice is reported with its path, in record.ts.
      prettyErrors: false,
      lineCounter: this.#lines,
    });
    for (const { pos, message } of this.#document.errors) {
      this.#add(pos[0], `not YAML: ${message.split("\n", 1)[0] ?? message}`);
    }
    visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        this.#add(alias.range?.[0] ?? 0, `not YAML: *${alias.source} names nothing that stands before it`);
      },
    });
  }

  /** What the file holds; undefined when it holds nothing. */
  get root(): Node | undefined {
    return this.#document.contents ?? undefined;
  }

  /** Notes that `path` stands at `node`. */
  note(path: string, node: Node): void {
    this.#nodes.set(path, node);
  }

  /** Whether the file has something at `path`, right or wrong. */
  has(path: string): boolean {
    return this.#nodes.has(path);
  }

  /** What an alias stands for; any other node is itself. */
  resolve(node: Node | null): Node | undefined {
    if (node === null) return undefined;
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  /** The text of a scalar as it was written; undefined for anything else. An empty value is "". */
  textOf(node: Node | undefined): string | undefined {
    if (node === undefined) return "";
    if (!isScalar(node)) return undefined;
    return typeof node.value === "string" ? node.value : "";
  }

  /** The line where `path` stands, or what is nearest around it. */
  lineOf(path: string): number {
    return this.#position(this.#offsetOf(path)).line;
  }

  /** Reports what is wrong at `path`, or with a node of that path which stands elsewhere. */
  fail(path: string, message: string, node?: Node): void {
    const offset = node?.range?.[0] ?? this.#offsetOf(path);
    this.#add(offset, `${path === "" ? "the file" : path} ${message}`);
  }

  #offsetOf(path: string): number {
    for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0))) {
      const range = this.#nodes.get(at)?.range;
      if (range) return range[0];
      if (at === "") return 0;
    }
  }

  #position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #add(offset: number, message: string): void {
    this.problems.push({ ...this.#position(offset), message });
  }
}

// Takes the examples out of Markdown.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository's root folder. */
export const root = join(import.meta.dirname, "../..");

/** One fenced block. */
export interface Block {
  /** Path of the file, relative to the root. */
  readonly file: string;
  /** Line of its first line, from 1. */
  readonly line: number;
  /** The word after the fence. */
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of one Markdown file, in order. */
export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  let start = -1;
  let language = "";
  for (const [index, line] of lines.entries()) {
    const fence = /^```(\w*)$/.exec(line);
    if (fence === null) continue;
    if (start < 0) {
      start = index + 1;
      language = fence[1] ?? "";
    } else {
      blocks.push({ file, line: start + 1, language, text: lines.slice(start, index).join("\n") + "\n" });
      start = -1;
    }
  }
  if (start >= 0) throw new Error(`${file}:${start}: a block is not closed`);
  return blocks;
}

/** README.md of the root and of every package that has one, and what lies in docs/. */
export function documents(): string[] {
  const list = (folder: string) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  const readmes = [...list("packages"), ...list("apps")].map((folder) => `${folder}/README.md`);
  const docs = list("docs").filter((file) => file.endsWith(".md"));
  return ["README.md", ...readmes.filter((file) => existsSync(join(root, file))), ...docs];
}

/**
 * What a block says it prints: the texts after `// →`, in order.
 *
 * @returns undefined when it says nothing
 */
export function expectedOutput(block: Block): string[] | undefined {
  const expected = [...block.text.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1] ?? "");
  return expected.length > 0 ? expected : undefined;
}

// The master's side of forwarding, and what every node remembers of it: which requests of which node are in the log. A
// request and its effects are one record, an envelope, so that it is in a log wholly or not at all.

import type { Content, RecordSink } from "../environment.ts";
import { Scratch } from "../log/effect-log.ts";
import { MAX_INLINE_ANSWER_BYTES, writeEnvelope, type Envelope } from "../log/records.ts";

/** Nodes remembered at most; the one that was heard of longest ago is forgotten first. */
const MAX_NODES = 64;

export class Executor {
  /** While a forwarded request is executed: where its effects go in place of the log. */
  effects: Scratch | undefined;
  readonly #scratch = new Scratch(4096);
  #last = new Map<string, number>();

  /** Node id → the last of its requests that is in the log. */
  get last(): ReadonlyMap<string, number> {
    return this.#last;
  }

  /** A copy, or a stream that begins elsewhere, says how far others had come. */
  adopt(last: ReadonlyMap<string, number>): void {
    this.#last = new Map(last);
  }

  /** An envelope was applied. */
  note({ id, number }: Envelope): void {
    this.#remember(id.toString("hex"), number);
  }

  /**
   * Executes request `number` of node `id`, unless it is in the log already.
   *
   * @param inline whether the answer may travel in the envelope
   * @returns the answer if it is to be sent as a message; undefined when the log has it
   */
  execute(
    content: Content,
    sink: RecordSink,
    id: Buffer,
    number: number,
    floor: number,
    request: Buffer,
    inline: boolean,
    timeMs: number,
    rank: number,
  ): Buffer | undefined {
    const nodeId = id.toString("hex");
    if (number <= (this.#last.get(nodeId) ?? 0)) return undefined;
    this.#scratch.clear();
    this.effects = this.#scratch;
    let answer: Buffer;
    try {
      answer = content.execute(request);
    } finally {
      this.effects = undefined;
    }
    const fits = inline && answer.length <= MAX_INLINE_ANSWER_BYTES;
    const records = this.#scratch.written;
    writeEnvelope(sink, { id, number, floor, answer: fits ? answer : undefined, records }, timeMs, rank);
    this.#remember(nodeId, number);
    return fits ? undefined : answer;
  }

  #remember(nodeId: string, number: number): void {
    // Moved to the end of the map, which keeps the order of insertion.
    this.#last.delete(nodeId);
    this.#last.set(nodeId, number);
    if (this.#last.size <= MAX_NODES) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }
}

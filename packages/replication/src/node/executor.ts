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
  /** Answers that went as messages, by node and number, until the node says that it has them. */
  readonly #answers = new Map<string, Map<number, Buffer>>();

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
   * Executes request `number` of node `id`, unless it is in the log already; then its answer may be kept here still.
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
    this.#forget(nodeId, floor);
    if (number <= (this.#last.get(nodeId) ?? 0)) return this.#answers.get(nodeId)?.get(number);
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
    if (fits) return undefined;
    const kept = Buffer.from(answer);
    let answers = this.#answers.get(nodeId);
    if (answers === undefined) this.#answers.set(nodeId, (answers = new Map<number, Buffer>()));
    answers.set(number, kept);
    return kept;
  }

  #forget(nodeId: string, floor: number): void {
    const answers = this.#answers.get(nodeId);
    if (answers === undefined) return;
    for (const number of answers.keys()) if (number < floor) answers.delete(number);
    if (answers.size === 0) this.#answers.delete(nodeId);
  }

  #remember(nodeId: string, number: number): void {
    // Moved to the end of the map, which keeps the order of insertion.
    this.#last.delete(nodeId);
    this.#last.set(nodeId, number);
    if (this.#last.size <= MAX_NODES) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      this.#answers.delete(oldest);
      return;
    }
  }
}

// The master's side of forwarding, and what every node remembers of it: which requests of which node are in the log. A
// request and its effects are one record, an envelope, so that it is in a log wholly or not at all.

import type { Content, RecordSink } from "../environment.ts";
import { Scratch } from "../log/effect-log.ts";
import { MAX_INLINE_ANSWER_BYTES, writeEnvelope, type Envelope } from "../log/records.ts";

/** Nodes remembered at most; the one that was heard of longest ago is forgotten first. */
const MAX_NODES = 64;

export interface ForwardedRequest {
  /** Of the node whose client asked, 16 bytes. */
  readonly id: Buffer;
  readonly number: number;
  /** All below have their answers. */
  readonly floor: number;
  readonly request: Buffer;
}

export interface Circumstances {
  /** Whether the answer may travel in the envelope. */
  readonly inline: boolean;
  /** When this is, for `forget`. */
  readonly nowMs: number;
  /** Group time and rank of the effects. */
  readonly timeMs: number;
  readonly rank: number;
}

interface Kept {
  readonly answer: Buffer;
  readonly atMs: number;
}

export class Executor {
  /** While a forwarded request is executed: where its effects go in place of the log. */
  effects: Scratch | undefined;
  readonly #scratch = new Scratch(4096);
  #last = new Map<string, number>();
  /** Answers that went as messages, by node and number, until the node says that it has them or nobody waits any more. */
  readonly #answers = new Map<string, Map<number, Kept>>();

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
   * Executes a request, unless it is in the log already; then its answer may be kept here still. One whose forerunners have
   * not come is left: its sender says them all again.
   *
   * @returns the answer if it is to be sent as a message; undefined when the log has it
   */
  execute(
    content: Content,
    sink: RecordSink,
    asked: ForwardedRequest,
    circumstances: Circumstances,
  ): Buffer | undefined {
    const { id, number, floor, request } = asked;
    const { inline, nowMs, timeMs, rank } = circumstances;
    const nodeId = id.toString("hex");
    this.#forgetBelow(nodeId, floor);
    const last = this.#last.get(nodeId) ?? 0;
    if (number <= last) return this.#answers.get(nodeId)?.get(number)?.answer;
    if (number > Math.max(last + 1, floor)) return undefined;
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
    if (answers === undefined) this.#answers.set(nodeId, (answers = new Map<number, Kept>()));
    answers.set(number, { answer: kept, atMs: nowMs });
    return kept;
  }

  /** The request is answered without having been executed. */
  refused({ id, number }: ForwardedRequest): void {
    const nodeId = id.toString("hex");
    if (number === (this.#last.get(nodeId) ?? 0) + 1) this.#remember(nodeId, number);
  }

  /** Drops the answers that were given before `beforeMs`: whoever asked has been told that nobody knows. */
  forget(beforeMs: number): void {
    for (const [nodeId, answers] of this.#answers) {
      for (const [number, { atMs }] of answers) if (atMs < beforeMs) answers.delete(number);
      if (answers.size === 0) this.#answers.delete(nodeId);
    }
  }

  #forgetBelow(nodeId: string, floor: number): void {
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

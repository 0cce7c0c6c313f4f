// One load on one server: what each connection sends next, what it has been answered, and the sums. Knows no socket;
// the two transports move its bytes.

import { CacheError } from "@marugoto/core";
import { Random } from "../measure/random.ts";
import { Histogram } from "../measure/statistics.ts";
import { AnswerReader } from "./answer-reader.ts";
import { createBatches, MAX_KEYS, writeDigits, type Batch } from "./batch.ts";
import type { LoadResult, LoadSpec } from "./spec.ts";

export class Conversation {
  readonly spec: LoadSpec;
  private readonly batches: readonly Batch[];
  private readonly readers: readonly AnswerReader[];
  private readonly sentAt: Float64Array;
  private readonly random: Random;
  private readonly roundTrips = new Histogram();
  private nextFillKey = 0;
  private operations = 0;
  private sets = 0;
  private asked = 0;
  private startedAt = 0;
  private cpuAtStart = process.cpuUsage();

  constructor(spec: LoadSpec) {
    if (spec.keys > MAX_KEYS) throw new CacheError("invalid_option", `${spec.keys} keys, at most ${MAX_KEYS}`);
    this.spec = spec;
    this.random = new Random(spec.seed);
    this.batches = createBatches(spec, this.random);
    this.readers = Array.from({ length: spec.connections }, () => new AnswerReader());
    this.sentAt = new Float64Array(spec.connections);
  }

  /** Clears the sums at the start of a run. */
  begin(): void {
    this.operations = this.sets = this.asked = this.nextFillKey = 0;
    this.roundTrips.clear();
    for (const reader of this.readers) reader.clear();
    this.cpuAtStart = process.cpuUsage();
    this.startedAt = performance.now();
  }

  /** True when a fill has sent every key; other loads end by time. */
  get exhausted(): boolean {
    return this.spec.fill && this.nextFillKey >= this.spec.keys;
  }

  /**
   * The bytes that a connection sends now. They are overwritten by the next call: send or copy them first.
   *
   * @param now milliseconds, as performance.now() counts
   */
  next(connection: number, now: number): Buffer {
    const { random } = this;
    const batch = this.batches.length === 1 ? this.batches[0]! : this.batches[random.below(this.batches.length)]!;
    const { bytes, digitsAt } = batch;
    const { keys, fill } = this.spec;
    for (const at of digitsAt) {
      writeDigits(bytes, at, fill ? this.nextFillKey++ % keys : random.below(keys));
    }
    this.readers[connection]!.expect(batch.kinds, batch.valueBytes);
    this.sentAt[connection] = now;
    this.operations += batch.kinds.length;
    this.sets += batch.sets;
    this.asked += batch.asked;
    return bytes;
  }

  /**
   * Hands over what a connection received.
   *
   * @returns true when the connection has all answers and may send again
   * @throws CacheError `protocol_violation` when the bytes are not the answers to what was asked
   */
  received(connection: number, chunk: Uint8Array, length: number, now: number): boolean {
    const reader = this.readers[connection]!;
    reader.read(chunk, length);
    if (!reader.done) return false;
    this.roundTrips.record((now - this.sentAt[connection]!) * 1000);
    return true;
  }

  result(): LoadResult {
    const cpu = process.cpuUsage(this.cpuAtStart);
    const sum = (field: "hits" | "refused" | "bytes"): number =>
      this.readers.reduce((s, reader) => s + reader[field], 0);
    return {
      operations: this.operations,
      sets: this.sets,
      asked: this.asked,
      hits: sum("hits"),
      refused: sum("refused"),
      refusal: this.readers.find((reader) => reader.refusal !== "")?.refusal ?? "",
      bytes: sum("bytes"),
      seconds: (performance.now() - this.startedAt) / 1000,
      p50Us: this.roundTrips.quantile(0.5),
      p99Us: this.roundTrips.quantile(0.99),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
  }
}

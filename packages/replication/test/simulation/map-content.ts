// The content of a simulated node: a map, and five commands in place of memcached's. It writes and reads the same
// records as the real one.

import type { Content, RecordSink } from "../../src/environment.ts";
import {
  keyOffset,
  PUT_HEAD_BYTES,
  readExpiry,
  readLength,
  readRank,
  readTime,
  RecordKind,
  TOUCH_HEAD_BYTES,
  writeFlush,
  writeHead,
  writeRemove,
  writeUint48,
} from "../../src/log/records.ts";

interface Item {
  value: string;
  cas: bigint;
  expiryMs: number;
}

/** What the simulator sees of each write that is executed. */
export type OnWrite = (key: string, before: Item | undefined, after: string | undefined) => void;

export class MapContent implements Content {
  readonly items = new Map<string, Item>();
  readonly #onWrite: OnWrite;
  #epoch = 0;
  #counter = 0;
  /** Given by the node once it exists. */
  sink: () => RecordSink | undefined = () => undefined;
  timeMs: () => number = () => 0;
  rank: () => number = () => 0;
  /** A request names a key. */
  onKey: (key: Buffer) => void = () => undefined;
  /** A planted bug: every n-th record is not applied; 0 = none is left out. */
  dropEvery = 0;
  #applied = 0;

  constructor(onWrite: OnWrite) {
    this.#onWrite = onWrite;
  }

  // ---- commands ----

  execute(request: Buffer): Buffer {
    const [word, key = "", argument = "", value = ""] = request.toString("latin1").trimEnd().split(" ");
    this.onKey(Buffer.from(key));
    const before = this.items.get(key);
    const old = before === undefined ? undefined : { ...before };
    switch (word) {
      case "set":
        return this.#store(key, argument, old);
      case "add":
        return before === undefined ? this.#store(key, argument, old) : Buffer.from("NOT_STORED");
      case "cas":
        return before?.cas === BigInt(argument) ? this.#store(key, value, old) : Buffer.from("EXISTS");
      case "incr":
        return this.#store(key, String(Number(before?.value ?? "0") + 1), old);
      case "delete": {
        if (before === undefined) return Buffer.from("NOT_FOUND");
        this.items.delete(key);
        this.#onWrite(key, old, undefined);
        const sink = this.sink();
        const bytes = Buffer.from(key);
        if (sink !== undefined) writeRemove(sink, bytes, 0, bytes.length, this.timeMs(), this.rank());
        return Buffer.from("DELETED");
      }
      case "touch": {
        if (before === undefined) return Buffer.from("NOT_FOUND");
        before.expiryMs = Number(argument);
        const sink = this.sink();
        const bytes = Buffer.from(key);
        if (sink !== undefined) this.#writeTouch(sink, bytes, before.expiryMs);
        return Buffer.from("TOUCHED");
      }
      case "flush": {
        this.items.clear();
        const sink = this.sink();
        if (sink !== undefined) writeFlush(sink, 0, this.timeMs(), this.rank());
        return Buffer.from("OK");
      }
      default:
        return Buffer.from("ERROR");
    }
  }

  #store(key: string, value: string, before: Item | undefined): Buffer {
    const cas = this.#nextCas();
    this.items.set(key, { value, cas, expiryMs: 0 });
    this.#onWrite(key, before, value);
    const sink = this.sink();
    if (sink !== undefined) this.#writePut(key, sink, RecordKind.put, this.timeMs(), this.rank());
    return Buffer.from(`STORED ${value.slice(0, 2000)} ${cas}`);
  }

  #nextCas(): bigint {
    return (BigInt(this.#epoch) << 40n) + BigInt(++this.#counter);
  }

  // ---- records ----

  apply(buffer: Buffer, at: number): void {
    this.#applied++;
    if (this.dropEvery > 0 && this.#applied % this.dropEvery === 0) return;
    const kind = buffer[at]!;
    if (kind === RecordKind.flush) {
      this.items.clear();
      return;
    }
    const key = keyOf(buffer, at);
    if (kind === RecordKind.remove) {
      this.items.delete(key);
    } else if (kind === RecordKind.touch) {
      const item = this.items.get(key);
      if (item !== undefined) item.expiryMs = readExpiry(buffer, at);
    } else {
      this.items.set(key, {
        value: valueOf(buffer, at),
        cas: buffer.readBigUInt64BE(at + 24),
        expiryMs: readExpiry(buffer, at),
      });
    }
  }

  adopt(buffer: Buffer, at: number, sink: RecordSink): void {
    const key = keyOf(buffer, at);
    this.items.set(key, { value: valueOf(buffer, at), cas: this.#nextCas(), expiryMs: readExpiry(buffer, at) });
    this.#writePut(key, sink, RecordKind.put, readTime(buffer, at), readRank(buffer, at));
  }

  encodeKey(key: Buffer, sink: RecordSink, kind: number, timeMs: number, rank: number): boolean {
    const text = key.toString("latin1");
    if (!this.items.has(text)) return false;
    this.#writePut(text, sink, kind, timeMs, rank);
    return true;
  }

  #writePut(key: string, sink: RecordSink, kind: number, timeMs: number, rank: number): void {
    const { value, cas, expiryMs } = this.items.get(key)!;
    const length = PUT_HEAD_BYTES + key.length + value.length;
    sink.reserve(length);
    const { buffer, view, at } = sink;
    writeHead(view, at, kind, key.length, 0, rank, length, timeMs);
    writeUint48(view, at + 14, expiryMs);
    view.setUint32(at + 20, 0);
    buffer.writeBigUInt64BE(cas, at + 24);
    buffer.write(key + value, at + PUT_HEAD_BYTES, "latin1");
    sink.commit(length);
  }

  #writeTouch(sink: RecordSink, key: Buffer, expiryMs: number): void {
    const length = TOUCH_HEAD_BYTES + key.length;
    sink.reserve(length);
    const { buffer, view, at } = sink;
    writeHead(view, at, RecordKind.touch, key.length, 0, this.rank(), length, this.timeMs());
    writeUint48(view, at + 14, expiryMs);
    key.copy(buffer, at + TOUCH_HEAD_BYTES);
    sink.commit(length);
  }

  // ---- walking ----

  copySome(cursor: number, bytes: number, sink: RecordSink): number {
    return this.#some(cursor, Math.max(1, Math.floor(bytes / 20_000)), (key) => {
      this.#writePut(key, sink, RecordKind.copied, 0, 0);
    });
  }

  sweepSome(cursor: number, items: number, visit: (key: Buffer, start: number, end: number) => boolean): number {
    return this.#some(cursor, Math.max(1, Math.min(items, 5)), (key) => {
      const bytes = Buffer.from(key, "latin1");
      if (visit(bytes, 0, bytes.length)) this.items.delete(key);
    });
  }

  /** Visits in the order of a hash, so that neither removing nor storing between two calls makes it miss an item. */
  #some(cursor: number, count: number, visit: (key: string) => void): number {
    const keys = [...this.items.keys()]
      .map((key) => [hash(key), key] as const)
      .filter(([at]) => at >= cursor)
      .sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    let i = 0;
    for (; i < keys.length; i++) {
      if (i >= count && keys[i]![0] !== keys[i - 1]![0]) return keys[i]![0];
      visit(keys[i]![1]);
    }
    return -1;
  }

  // ---- the rest ----

  remove(key: Buffer): void {
    this.items.delete(key.toString("latin1"));
  }

  pendingFlush(): number {
    return 0;
  }

  setPendingFlush(): void {
    // All flushes happen at once here.
  }

  get isEmpty(): boolean {
    return this.items.size === 0;
  }

  epoch(): number {
    return this.#epoch;
  }

  setEpoch(epoch: number): void {
    if (epoch < this.#epoch) throw new RangeError(`epoch ${epoch} lies below ${this.#epoch}`);
    this.#epoch = epoch;
    this.#counter = 0;
  }

  setSkew(): void {
    // Expiries are opaque numbers here.
  }

  /** All items as text, sorted. */
  digest(): string {
    return [...this.items]
      .map(([key, { value, cas, expiryMs }]) => `${key}=${value}#${cas}@${expiryMs}`)
      .sort()
      .join(" ");
  }
}

/** 1 to 997. */
function hash(key: string): number {
  let sum = 7;
  for (let i = 0; i < key.length; i++) sum = (sum * 31 + key.charCodeAt(i)) % 997;
  return sum + 1;
}

function keyOf(buffer: Buffer, at: number): string {
  const start = at + keyOffset(buffer[at]!);
  return buffer.toString("latin1", start, start + buffer[at + 1]!);
}

function valueOf(buffer: Buffer, at: number): string {
  return buffer.toString("latin1", at + PUT_HEAD_BYTES + buffer[at + 1]!, at + readLength(buffer, at));
}

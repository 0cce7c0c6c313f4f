// A write's worth of gets and sets of differing keys, sizes and lifetimes, put together request by request. For the
// memory bench, where sizes differ; the speed bench sends prepared batches (batch.ts).

import { Kind, keyOf, valueData } from "./batch.ts";

/** Largest value that fits into a request here: 100 KiB. */
export const MAX_VALUE_BYTES = 102_400;

const data = valueData(MAX_VALUE_BYTES);

/** Bytes of one value block in a classic answer: header, data and line ends, for 16-byte keys and flags 0. */
export function valueBlockBytes(valueBytes: number): number {
  return `VALUE ${keyOf(0)} 0 ${valueBytes}\r\n\r\n`.length + valueBytes;
}

export class RequestBuffer {
  private readonly buffer: Buffer;
  private readonly kindsOf: Uint8Array;
  private readonly valueBytesOf: Int32Array;
  private readonly hits: Uint16Array;
  private length = 0;
  private requests = 0;

  /** @param requests the most requests it is asked to hold, each with the largest value when `bytes` is not given */
  constructor(requests: number, bytes = requests * (MAX_VALUE_BYTES + 64)) {
    this.buffer = Buffer.allocUnsafe(bytes);
    this.kindsOf = new Uint8Array(requests);
    this.valueBytesOf = new Int32Array(requests);
    this.hits = new Uint16Array(requests);
  }

  /** Bytes of all requests so far. */
  get byteLength(): number {
    return this.length;
  }

  get count(): number {
    return this.requests;
  }

  /** A get of a key whose value, if it is there, has `valueBytes` bytes. */
  addGet(key: number, valueBytes: number): void {
    this.announce(Kind.get, valueBlockBytes(valueBytes));
    this.length += this.buffer.write(`get ${keyOf(key)}\r\n`, this.length, "latin1");
  }

  /** @param exptime seconds to live, 0 for ever */
  addSet(key: number, valueBytes: number, exptime = 0): void {
    this.announce(Kind.set, 0);
    this.length += this.buffer.write(`set ${keyOf(key)} 0 ${exptime} ${valueBytes}\r\n`, this.length, "latin1");
    this.length += data.copy(this.buffer, this.length, 0, valueBytes);
    this.buffer[this.length++] = 13;
    this.buffer[this.length++] = 10;
  }

  clear(): void {
    this.hits.fill(0, 0, this.requests);
    this.length = 0;
    this.requests = 0;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  get kinds(): Uint8Array {
    return this.kindsOf.subarray(0, this.requests);
  }

  get valueBytes(): Int32Array {
    return this.valueBytesOf.subarray(0, this.requests);
  }

  /** Values that came back, per request; filled while the answers are read. */
  get hitsOf(): Uint16Array {
    return this.hits.subarray(0, this.requests);
  }

  private announce(kind: Kind, valueBytes: number): void {
    if (this.requests === this.kindsOf.length) throw new TypeError(`more than ${this.requests} requests in one write`);
    this.kindsOf[this.requests] = kind;
    this.valueBytesOf[this.requests] = valueBytes;
    this.requests++;
  }
}

// A write's worth of gets and sets of differing keys, sizes and lifetimes, put together request by request. For the
// memory bench, where sizes differ; the speed bench sends prepared batches (batch.ts).

import { Kind, KEY_BYTES, keyOf, valueData, writeDigits } from "./batch.ts";

/** Largest value that fits into a request here: 100 KiB. */
export const MAX_VALUE_BYTES = 102_400;

const data = valueData(MAX_VALUE_BYTES);
const getLine = Buffer.from(`get ${keyOf(0)}\r\n`, "latin1");
const setLine = Buffer.from(`set ${keyOf(0)} 0 `, "latin1");
const blockFrame = `VALUE ${keyOf(0)} 0 \r\n\r\n`.length;

/** Bytes of one value block in a classic answer: header, data and line ends, for 16-byte keys and flags 0. */
export function valueBlockBytes(valueBytes: number): number {
  return blockFrame + decimalDigits(valueBytes) + valueBytes;
}

function decimalDigits(number: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = (rest / 10) | 0) digits++;
  return digits;
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
    this.addLine(getLine, key);
  }

  /** @param exptime seconds to live, 0 for ever */
  addSet(key: number, valueBytes: number, exptime = 0): void {
    this.announce(Kind.set, 0);
    this.addLine(setLine, key);
    this.addNumber(exptime);
    this.buffer[this.length++] = 32;
    this.addNumber(valueBytes);
    this.addLineEnd();
    this.length += data.copy(this.buffer, this.length, 0, valueBytes);
    this.addLineEnd();
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

  /** A line, or its start, that has a command of three letters and then a key. */
  private addLine(line: Buffer, key: number): void {
    this.buffer.set(line, this.length);
    writeDigits(this.buffer, this.length + "get ".length + KEY_BYTES - 8, key);
    this.length += line.length;
  }

  private addNumber(number: number): void {
    const digits = decimalDigits(number);
    let rest = number;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      this.buffer[at] = 48 + (rest % 10);
      rest = (rest / 10) | 0;
    }
    this.length += digits;
  }

  private addLineEnd(): void {
    this.buffer[this.length++] = 13;
    this.buffer[this.length++] = 10;
  }

  private announce(kind: Kind, valueBytes: number): void {
    if (this.requests === this.kindsOf.length) throw new TypeError(`more than ${this.requests} requests in one write`);
    this.kindsOf[this.requests] = kind;
    this.valueBytesOf[this.requests] = valueBytes;
    this.requests++;
  }
}

// Bytes and JavaScript strings, without ever changing one into something else: a string that is not valid UTF-8 stays
// bytes, a JavaScript string with half a surrogate pair is refused.

import { isUtf8 } from "node:buffer";
import { unencodable } from "./codec.ts";

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Below this many bytes a loop is faster than a call into the native check. */
const SHORT = 48;

/** The text of `bytes[start, end)`, or undefined when it is not valid UTF-8. */
export function toText(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start <= SHORT) {
    let i = start;
    while (i < end && bytes[i]! < 0x80) i++;
    if (i === end) return bytes.toString("latin1", start, end);
  }
  return isUtf8(bytes.subarray(start, end)) ? bytes.toString("utf8", start, end) : undefined;
}

/** The text of `bytes[start, end)`; a Buffer of its own when that is not valid UTF-8, or when `strings` is "bytes". */
export function toStringOrBytes(bytes: Buffer, start: number, end: number, strings: "text" | "bytes"): string | Buffer {
  const text = strings === "text" ? toText(bytes, start, end) : undefined;
  return text ?? Buffer.from(bytes.subarray(start, end));
}

/** @throws CacheError `value_unencodable` for half a surrogate pair, which has no UTF-8 */
export function checkWellFormed(text: string): void {
  // In every Node since 20; the library types of ES2023 don't know it yet.
  if (!(text as string & { isWellFormed(): boolean }).isWellFormed()) {
    throw unencodable("a string holds half a surrogate pair, which has no UTF-8; write it as bytes or repair it");
  }
}

/** Any view of memory that stands for bytes: Buffer, Uint8Array and its likes, DataView, ArrayBuffer. */
export function toBytes(value: object): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  return undefined;
}

// Is it ASCII? Asked of every text that is written or read, so in the way that costs least at its length.

import { isAscii } from "node:buffer";

/** Longer bytes are left to the native check, whose call costs as much as a look at so many. */
const SHORT_BYTES = 64;

/** True when every unit of `text` is below 0x80. */
export function isAsciiText(text: string): boolean {
  let all = 0;
  for (let i = 0; i < text.length; i++) all |= text.charCodeAt(i);
  return all < 0x80;
}

/** True when every byte of `bytes[start, end)` is below 0x80. */
export function isAsciiBytes(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > SHORT_BYTES) return isAscii(bytes.subarray(start, end));
  let all = 0;
  for (let i = start; i < end; i++) all |= bytes[i]!;
  return all < 0x80;
}

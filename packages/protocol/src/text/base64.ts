// Keys under meta flag b. Decoding is as lenient as memcached's base64.c: bytes outside the alphabet are skipped, and a
// padded block ends the key wherever it stands. Encoding is the standard one with padding.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD = 0x3d;
const SKIPPED = 0x80;

const encoded = Uint8Array.from(ALPHABET, (letter) => letter.charCodeAt(0));
const decoded = new Uint8Array(256).fill(SKIPPED);
for (const [value, byte] of encoded.entries()) decoded[byte] = value;
decoded[PAD] = 0;

/**
 * Decodes `input[start, end)` into `out` from offset 0 on; `out` needs 3/4 of the length.
 *
 * @returns number of bytes written; 0 when the text is no base64: nothing in it, not a multiple of four, or over-padded
 */
export function decodeBase64(input: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let letters = 0;
  for (let i = start; i < end; i++) if (decoded[input[i]!] !== SKIPPED) letters++;
  if (letters === 0 || letters % 4 !== 0) return 0;

  let length = 0;
  let block = 0;
  let filled = 0;
  let padding = 0;
  for (let i = start; i < end; i++) {
    const value = decoded[input[i]!]!;
    if (value === SKIPPED) continue;
    if (input[i] === PAD) padding++;
    block = (block << 6) | value;
    if (++filled < 4) continue;
    out[length] = (block >> 16) & 0xff;
    out[length + 1] = (block >> 8) & 0xff;
    out[length + 2] = block & 0xff;
    length += 3;
    block = 0;
    filled = 0;
    if (padding > 2) return 0;
    if (padding > 0) return length - padding;
  }
  return length;
}

/** Encodes `input[start, end)` into `out` at `offset` with padding; returns the offset behind it. */
export function encodeBase64(input: Uint8Array, start: number, end: number, out: Uint8Array, offset: number): number {
  let i = start;
  let o = offset;
  for (; end - i >= 3; i += 3) {
    const block = (input[i]! << 16) | (input[i + 1]! << 8) | input[i + 2]!;
    out[o++] = encoded[block >> 18]!;
    out[o++] = encoded[(block >> 12) & 63]!;
    out[o++] = encoded[(block >> 6) & 63]!;
    out[o++] = encoded[block & 63]!;
  }
  if (i < end) {
    const two = end - i === 2;
    const block = (input[i]! << 16) | (two ? input[i + 1]! << 8 : 0);
    out[o++] = encoded[block >> 18]!;
    out[o++] = encoded[(block >> 12) & 63]!;
    out[o++] = two ? encoded[(block >> 6) & 63]! : PAD;
    out[o++] = PAD;
  }
  return o;
}

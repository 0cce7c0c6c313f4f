// FastLZ 0.1.0, the compression that class Memcached uses unless told otherwise: both levels, both ways.
// The format: a first byte whose upper three bits are the level (0 = level 1, 1 = level 2), then instructions. One
// below 32 is followed by that many literals plus one; any other is a match: three bits of length, five of distance,
// further bytes as needed. The compressor makes the very choices of the original, so that both write the same bytes.

import { undecodable } from "./codec.ts";

/** From this many bytes on the original takes level 2. */
const LEVEL_2_FROM = 65536;
const MAX_LITERALS = 32;
/** Longest match of one instruction of level 1. */
const MAX_MATCH_1 = 262;
/** Distances from here on are far (level 2) or out of reach (level 1). */
const NEAR_1 = 8192;
const NEAR_2 = 8191;
const FAR_2 = 65535 + NEAR_2 - 1;
const HASH_MASK = 8191;
/** From here on a native copy is worth its call. */
const LONG = 64;
/** No match begins within this many bytes of the end. */
const TAIL = 12;

/** Compresses as the original does: level 1 below 64 KiB, level 2 from there. Never fails; may grow by 1/32. */
export function fastlzCompress(input: Uint8Array): Buffer {
  return compress(input, input.length < LEVEL_2_FROM ? 1 : 2);
}

function hashAt(input: Uint8Array, at: number): number {
  const v = input[at]! | (input[at + 1]! << 8);
  // At the very end the third byte may not exist; the slot is then never looked up again.
  return (v ^ (input[at + 1]! | ((input[at + 2] ?? 0) << 8)) ^ (v >> 3)) & HASH_MASK;
}

/** For tests: compresses at the given level, whatever the length. */
export function compress(input: Uint8Array, level: 1 | 2): Buffer {
  const length = input.length;
  const output = Buffer.allocUnsafe(length + Math.ceil(length / MAX_LITERALS) + 16);
  if (length < 4) {
    if (length === 0) return output.subarray(0, 0);
    output[0] = length - 1;
    output.set(input, 1);
    return output.subarray(0, length + 1);
  }
  /** Where the three bytes of a hash were seen last; 0 at first, as if they were the beginning. */
  const seen = new Int32Array(HASH_MASK + 1);
  const limit = length - TAIL;
  const reach = level === 1 ? NEAR_1 : FAR_2;
  let out = 0;
  /** Where the count of the literals that are being written goes. */
  let countAt = out++;
  let literals = 0;
  let at = 0;

  const literal = (byte: number) => {
    output[out++] = byte;
    if (++literals === MAX_LITERALS) closeLiterals();
  };
  const closeLiterals = () => {
    output[countAt] = literals - 1;
    countAt = out++;
    literals = 0;
  };

  // The first two bytes are always literals.
  literal(input[at++]!);
  literal(input[at++]!);
  while (at < limit) {
    let distance: number;
    let matched = 3;
    if (level === 2 && isRun(input, at)) {
      distance = 1;
    } else {
      const slot = hashAt(input, at);
      const candidate = seen[slot]!;
      distance = at - candidate;
      seen[slot] = at;
      if (level === 2 && distance >= NEAR_2) matched = 5;
      if (distance >= reach || !startsAlike(input, candidate, at, matched)) {
        literal(input[at++]!);
        continue;
      }
    }
    const end = matchEnd(input, at, distance, matched);
    // An instruction for no literals is not written: the match takes its place.
    if (literals === 0) out = countAt;
    else output[countAt] = literals - 1;
    literals = 0;
    out = level === 1 ? writeMatch1(output, out, end - at, distance) : writeMatch2(output, out, end - at, distance);
    // Only the last two bytes of a match are remembered.
    at = end - 2;
    seen[hashAt(input, at)] = at++;
    seen[hashAt(input, at)] = at++;
    countAt = out++;
  }
  while (at < length) literal(input[at++]!);
  if (literals === 0) out = countAt;
  else output[countAt] = literals - 1;
  if (level === 2) output[0]! |= 1 << 5;
  return output.subarray(0, out);
}

/** True when the byte before `at` and the three from there are one and the same. */
function isRun(input: Uint8Array, at: number): boolean {
  const byte = input[at];
  return input[at - 1] === byte && input[at + 1] === byte && input[at + 2] === byte;
}

function startsAlike(input: Uint8Array, a: number, b: number, count: number): boolean {
  if (a === b) return false;
  for (let i = 0; i < count; i++) if (input[a + i] !== input[b + i]) return false;
  return true;
}

/**
 * The end of the match at `at`, of which `matched` bytes are known. The original stops two bytes before the end of the
 * input, loses one byte of a match that gets there, and looks at eight bytes before it first minds the end.
 */
function matchEnd(input: Uint8Array, at: number, distance: number, matched: number): number {
  const bound = input.length - 2;
  const unbounded = distance === 1 ? 0 : at + matched + 8;
  let end = at + matched;
  while (end < unbounded || end < bound) {
    if (input[end - distance] !== input[end]) return end;
    end++;
  }
  return end - 1;
}

function writeMatch1(output: Buffer, start: number, bytes: number, distance: number): number {
  const back = distance - 1;
  let out = start;
  let left = bytes;
  for (; left > MAX_MATCH_1 + 2; left -= MAX_MATCH_1) {
    output[out++] = (7 << 5) + (back >> 8);
    output[out++] = MAX_MATCH_1 - 9;
    output[out++] = back & 255;
  }
  if (left < 9) {
    output[out++] = ((left - 2) << 5) + (back >> 8);
  } else {
    output[out++] = (7 << 5) + (back >> 8);
    output[out++] = left - 9;
  }
  output[out++] = back & 255;
  return out;
}

function writeMatch2(output: Buffer, start: number, bytes: number, distance: number): number {
  const back = distance - 1;
  const far = back >= NEAR_2;
  const upper = far ? 31 : back >> 8;
  let out = start;
  if (bytes < 9) {
    output[out++] = ((bytes - 2) << 5) + upper;
  } else {
    output[out++] = (7 << 5) + upper;
    let left = bytes - 9;
    for (; left >= 255; left -= 255) output[out++] = 255;
    output[out++] = left;
  }
  if (!far) {
    output[out++] = back & 255;
    return out;
  }
  output[out++] = 255;
  output[out++] = (back - NEAR_2) >> 8;
  output[out++] = (back - NEAR_2) & 255;
  return out;
}

/**
 * Decompresses a block of either level.
 *
 * Safe for any bytes: it allocates at most `size` and at most 264 times the input, reads and writes nothing outside,
 * and takes time linear in the output.
 *
 * @param size the exact size of the result, which FastLZ itself does not store
 * @throws CacheError `value_undecodable` when the block is broken or has another size
 */
export function fastlzDecompress(input: Uint8Array, size: number): Buffer {
  const length = input.length;
  if (length === 0) throw undecodable("a FastLZ block is empty");
  const level = (input[0]! >> 5) + 1;
  if (level > 2) throw undecodable(`a FastLZ block is of level ${level}, there are 1 and 2`);
  if (size > length * 264) throw undecodable(`a FastLZ block of ${length} bytes cannot hold ${size}`);
  const output = Buffer.allocUnsafe(size);
  let at = 0;
  let out = 0;
  let instruction = input[at++]! & 31;
  for (;;) {
    if (instruction < 32) {
      const count = instruction + 1;
      if (at + count > length || out + count > size) throw broken(at, size);
      for (let i = 0; i < count; i++) output[out++] = input[at++]!;
    } else {
      let count = (instruction >> 5) + 2;
      let distance = ((instruction & 31) << 8) + 1;
      if (count === 9) {
        let more: number;
        do {
          if (at >= length) throw broken(at, size);
          more = input[at++]!;
          count += more;
        } while (more === 255 && level === 2);
      }
      if (at >= length) throw broken(at, size);
      const low = input[at++]!;
      distance += low;
      if (level === 2 && distance === NEAR_2 + 1) {
        if (at + 2 > length) throw broken(at, size);
        distance += (input[at]! << 8) + input[at + 1]!;
        at += 2;
      }
      if (distance > out || out + count > size) throw broken(at, size);
      if (count > LONG && (distance >= count || distance === 1)) {
        if (distance === 1) output.fill(output[out - 1]!, out, out + count);
        else output.copyWithin(out, out - distance, out - distance + count);
        out += count;
      } else {
        // Byte by byte: a match may overlap what it writes.
        for (let from = out - distance; count > 0; count--) output[out++] = output[from++]!;
      }
    }
    if (at >= length) break;
    instruction = input[at++]!;
  }
  if (out !== size) throw undecodable(`a FastLZ block holds ${out} bytes, its header says ${size}`);
  return output;
}

function broken(at: number, size: number): Error {
  return undecodable(`a FastLZ block is broken at byte ${at}, or holds more than the ${size} bytes its header says`);
}

// What every hash of this package looks like. Not here: any one hash, and what is done with the result.

/**
 * Hashes `bytes[start, end)` to 32 bits.
 *
 * The result is a SIGNED 32-bit integer: V8 keeps those without allocating, while a number of 2³¹ or more costs a heap
 * object whenever it crosses a function that was not inlined. `toUint32` gives the number that specifications print.
 */
export type Hash = (bytes: Uint8Array, start: number, end: number) => number;

/** The unsigned value of a hash, 0 to 4294967295. */
export function toUint32(hash: number): number {
  return hash >>> 0;
}

/**
 * How the C compiler that built the other program reads a `char`: "signed" on x86, "unsigned" on ARM Linux. It changes
 * FNV, one-at-a-time and Hsieh for keys with bytes of 0x80 and above, so two such machines may not agree on where a
 * UTF-8 key lives. Measured on x86; read from the sources for ARM.
 */
export type Char = "signed" | "unsigned";

/** The shift that widens a byte as that compiler does: `(byte << shift) >> shift`. */
export function charShift(char: Char): number {
  return char === "signed" ? 24 : 0;
}

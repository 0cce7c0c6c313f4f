// The key hash of the index: seeded, 32 bits, four bytes a step. Not a hash that clients know.

/** The three secrets drawn from a seed. */
export interface HashSecrets {
  readonly start: number;
  readonly first: number;
  readonly second: number;
}

/** Spreads a 32-bit seed over the secrets; the two multipliers are odd, so that each step is a bijection. */
export function hashSecrets(seed: number): HashSecrets {
  return { start: scramble(seed), first: scramble(seed + 0x6d2b_79f5) | 1, second: scramble(seed + 0x3c6e_f372) | 1 };
}

/**
 * Hashes `bytes[start, end)`.
 *
 * Each step multiplies twice with secret numbers and a shift between: with one multiplication alone, two keys could
 * be made that collide under every seed.
 *
 * @returns a signed 32-bit number
 */
export function hashKey(bytes: Uint8Array, start: number, end: number, secrets: HashSecrets): number {
  const { first, second } = secrets;
  let hash = secrets.start ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    hash ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash = Math.imul(hash, first);
    hash = Math.imul(hash ^ (hash >>> 15), second);
  }
  for (; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, first) + 0x9e37;
  hash = Math.imul(hash ^ (hash >>> 16), second);
  hash = Math.imul(hash ^ (hash >>> 13), first);
  return hash ^ (hash >>> 16);
}

/** The same number as `hashKey`, of the bytes behind a view. */
export function hashKeyIn(view: DataView, start: number, end: number, secrets: HashSecrets): number {
  const { first, second } = secrets;
  let hash = secrets.start ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), first);
    hash = Math.imul(hash ^ (hash >>> 15), second);
  }
  for (; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), first) + 0x9e37;
  hash = Math.imul(hash ^ (hash >>> 16), second);
  hash = Math.imul(hash ^ (hash >>> 13), first);
  return hash ^ (hash >>> 16);
}

function scramble(seed: number): number {
  let x = Math.imul(seed ^ (seed >>> 16), 0x45d9_f3b5) + 0x27d4_eb2f;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b_3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a_2d39);
  return x ^ (x >>> 15);
}

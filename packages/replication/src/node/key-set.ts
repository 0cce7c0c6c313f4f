// The keys that a copy has brought, as 53-bit hashes in an open-addressed table: what is not in it afterwards was
// removed while this node was away. Two keys with one hash would keep a removed item; of 10^7 items that is one chance
// in a thousand million.

const FIRST_SLOTS = 4096;

export class KeySet {
  #slots = new Float64Array(FIRST_SLOTS);
  #size = 0;

  add(buffer: Buffer, start: number, end: number): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const hash = hashOf(buffer, start, end);
    const at = find(this.#slots, hash);
    if (this.#slots[at] === 0) this.#size++;
    this.#slots[at] = hash;
  }

  has(buffer: Buffer, start: number, end: number): boolean {
    return this.#slots[find(this.#slots, hashOf(buffer, start, end))] !== 0;
  }

  #grow(): void {
    const slots = new Float64Array(this.#slots.length * 2);
    for (const hash of this.#slots) if (hash !== 0) slots[find(slots, hash)] = hash;
    this.#slots = slots;
  }
}

/** The slot of `hash`, or the free one where it belongs. */
function find(slots: Float64Array, hash: number): number {
  const mask = slots.length - 1;
  let at = (hash % 0x1_0000_0000) & mask;
  while (slots[at] !== 0 && slots[at] !== hash) at = (at + 1) & mask;
  return at;
}

/** Two 32-bit mixes of the key, 53 bits of them, never 0. */
function hashOf(buffer: Buffer, start: number, end: number): number {
  let a = 0x811c9dc5 ^ (end - start);
  let b = 0x9e3779b9;
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b + byte, 0x85ebca6b);
    b ^= b >>> 15;
  }
  a ^= a >>> 16;
  a = Math.imul(a, 0x7feb352d);
  a ^= a >>> 15;
  return ((b & 0x1f_ffff) >>> 0) * 0x1_0000_0000 + (a >>> 0) || 1;
}

// Which keys were evicted lately without having been fetched: fingerprints only, sets of eight, the oldest of a set
// leaves first. It tells eviction that a key comes back, at two bytes a key.

import { stateInts, type StoreBuffers } from "./buffers.ts";
import * as S from "./state.ts";

const SET_SHIFT = 3;
const WAYS = 1 << SET_SHIFT;

export class Ghost {
  readonly #prints: Uint16Array;
  readonly #sets: number;

  constructor(buffers: StoreBuffers) {
    this.#prints = new Uint16Array(buffers.ghost);
    this.#sets = stateInts(buffers)[S.GHOST_ROOM]! >>> SET_SHIFT;
  }

  add(hash: number): void {
    const prints = this.#prints;
    const at = this.#setAt(hash);
    for (let i = at + WAYS - 1; i > at; i--) prints[i] = prints[i - 1]!;
    prints[at] = fingerprint(hash);
  }

  /** Whether the key was added lately; if so, it is forgotten. */
  take(hash: number): boolean {
    const prints = this.#prints;
    const at = this.#setAt(hash);
    const print = fingerprint(hash);
    for (let i = at; i < at + WAYS; i++) {
      if (prints[i] !== print) continue;
      prints[i] = 0;
      return true;
    }
    return false;
  }

  #setAt(hash: number): number {
    return ((Math.imul(hash, 0x2545_f491) >>> 8) % this.#sets) << SET_SHIFT;
  }
}

/** 16 bits of the hash that choose no set by themselves; 0 is kept for nothing. */
function fingerprint(hash: number): number {
  return (hash & 0xffff) | 1;
}

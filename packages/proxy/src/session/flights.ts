// Gets that are under way, by key: who asks for the same key meanwhile shares the answer. A write takes its key out, so that
// nobody who asks after it is answered by a get that was sent before it.

import type { Slot } from "./slot.ts";

/** Places; of two keys that fall on one, the later is known. A power of two. */
const PLACES = 4096;

export class Flights {
  readonly #slots: (Slot | null)[] = new Array<Slot | null>(PLACES).fill(null);

  /** @returns the slot that awaits the value of the key `bytes[start, end)`, of whose answer nothing has come */
  find(bytes: Uint8Array, start: number, end: number): Slot | null {
    const slot = this.#slots[placeOf(bytes, start, end)] ?? null;
    if (slot === null || !slot.canBeFollowed || slot.keyBytes !== end - start) return null;
    const { key } = slot;
    for (let i = start; i < end; i++) if (key[i - start] !== bytes[i]) return null;
    return slot;
  }

  /** `slot`, which keeps its key, has been sent. */
  add(slot: Slot): void {
    this.#slots[placeOf(slot.key, 0, slot.keyBytes)] = slot;
  }

  /** The key `bytes[start, end)` is written. */
  remove(bytes: Uint8Array, start: number, end: number): void {
    this.#slots[placeOf(bytes, start, end)] = null;
  }

  clear(): void {
    this.#slots.fill(null);
  }
}

function placeOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}

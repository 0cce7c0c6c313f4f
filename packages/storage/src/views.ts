// Four bytes at a time, wherever they lie: a DataView reads and writes a word in one instruction, aligned or not, where
// a loop over a Uint8Array takes four rounds.

/**
 * The DataViews of the two buffers that are used again and again, such as a server's read buffer and the one where it
 * joins what came in pieces. A buffer seen for the first time gets none, because making one costs more than it saves.
 */
export class RepeatedView {
  #first: Uint8Array | undefined;
  #firstView: DataView | undefined;
  #second: Uint8Array | undefined;
  #secondView: DataView | undefined;
  /** The buffer of the last call that had no view. */
  #seen: Uint8Array | undefined;

  /** A view of `bytes`, or undefined when it is neither of the two, nor the buffer of the last call that was not. */
  of(bytes: Uint8Array): DataView | undefined {
    if (bytes === this.#first) return this.#firstView;
    if (bytes === this.#second) return this.#secondView;
    if (bytes !== this.#seen) {
      // Offsets are int32 in the loops below.
      if (bytes.length <= 0x7fff_ffff) this.#seen = bytes;
      return undefined;
    }
    this.#second = this.#first;
    this.#secondView = this.#firstView;
    this.#first = bytes;
    this.#firstView = viewOf(bytes);
    return this.#firstView;
  }
}

/** A view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies `source[start, end)`, four bytes or more, to `target` from `at` on. The places must not overlap. */
export function copyWords(source: DataView, start: number, end: number, target: DataView, at: number): void {
  const last = (end - 4) | 0;
  const shift = (at - start) | 0;
  for (let i = start | 0; i < last; i = (i + 4) | 0) target.setInt32((i + shift) | 0, source.getInt32(i, true), true);
  // The last word may reach back into the one before.
  target.setInt32((last + shift) | 0, source.getInt32(last, true), true);
}

/** Whether `b[start, end)`, four bytes or more, stands in `a` from `at` on. */
export function equalWords(a: DataView, at: number, b: DataView, start: number, end: number): boolean {
  const last = (end - 4) | 0;
  const shift = (at - start) | 0;
  for (let i = start | 0; i < last; i = (i + 4) | 0) {
    if (a.getInt32((i + shift) | 0, true) !== b.getInt32(i, true)) return false;
  }
  return a.getInt32((last + shift) | 0, true) === b.getInt32(last, true);
}

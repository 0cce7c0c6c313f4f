// Four bytes at a time, wherever they lie: a DataView reads and writes a word in one instruction, aligned or not, where
// a loop over a Uint8Array takes four rounds.

/**
 * The DataView of a buffer that is used again and again, such as a server's read buffer. A buffer seen for the first
 * time gets none, because making one costs more than it saves.
 */
export class RepeatedView {
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;

  /** A view of `bytes`, or undefined when the last call was for another buffer. */
  of(bytes: Uint8Array): DataView | undefined {
    if (bytes === this.#bytes) return (this.#view ??= viewOf(bytes));
    // Offsets are int32 in the loops below.
    if (bytes.length > 0x7fff_ffff) return undefined;
    this.#bytes = bytes;
    this.#view = undefined;
    return undefined;
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

// Copies of short byte ranges. A loop beats the native copy below some tens of bytes, where keys and lines are.

const NATIVE_COPY_FROM = 48;

/** Copies `source[start, end)` into `out` at `offset`; returns the offset behind it. */
export function writeBytes(out: Buffer, offset: number, source: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length < NATIVE_COPY_FROM) {
    for (let i = 0; i < length; i++) out[offset + i] = source[start + i]!;
  } else {
    source.copy(out, offset, start, end);
  }
  return offset + length;
}

/** Copies a fixed line (`Lines`, `RequestError.line`); returns the offset behind it. */
export function writeLine(out: Buffer, offset: number, line: Buffer): number {
  return writeBytes(out, offset, line, 0, line.length);
}

/** Writes CRLF. */
export function writeCrlf(out: Buffer, offset: number): number {
  out[offset] = 0x0d;
  out[offset + 1] = 0x0a;
  return offset + 2;
}

/** Writes text of latin1 characters as it is. */
export function writeText(out: Buffer, offset: number, text: string): number {
  return offset + out.write(text, offset, "latin1");
}

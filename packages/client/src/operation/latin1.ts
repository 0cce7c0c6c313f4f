// Bytes below 0x80 to text, by the shortest way Node has.

type Slice = (this: Buffer, start: number, end: number) => string;

// What `toString("latin1")` calls, after it has looked at its arguments for as long as a short slice takes. Every Node
// has it, none documents it, so it is looked for.
const { latin1Slice } = Buffer.prototype as { latin1Slice?: Slice };

/** The text of `bytes[start, end)`, a unit a byte. */
export const toLatin1: (bytes: Buffer, start: number, end: number) => string =
  typeof latin1Slice === "function"
    ? (bytes, start, end) => latin1Slice.call(bytes, start, end)
    : (bytes, start, end) => bytes.toString("latin1", start, end);

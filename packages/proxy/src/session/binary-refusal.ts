// The answer to a client that begins in the binary protocol, which is not spoken here: an error in that protocol, so that
// its program can say what is wrong. It is no parser: of the request, only what an answer repeats is looked at.

/** First byte of every request of the binary protocol. */
export const BINARY_MAGIC = 0x80;

const RESPONSE_MAGIC = 0x81;
const HEADER_BYTES = 24;
/** "Unknown command". */
const STATUS = 0x0081;
const TEXT = "the binary protocol is not spoken here, only text and meta commands";

/**
 * A response of the binary protocol: 24 bytes of header, with the request's opcode and opaque, and a text.
 *
 * @param bytes the request at `[start, end)`; what has not come of its header counts as zeros
 */
export function binaryRefusal(bytes: Uint8Array, start: number, end: number): Buffer {
  const response = Buffer.alloc(HEADER_BYTES + TEXT.length);
  response[0] = RESPONSE_MAGIC;
  const repeat = (at: number) => {
    if (start + at < end) response[at] = bytes[start + at]!;
  };
  repeat(1);
  response.writeUInt16BE(STATUS, 6);
  response.writeUInt32BE(TEXT.length, 8);
  for (let at = 12; at < 16; at++) repeat(at);
  response.write(TEXT, HEADER_BYTES, "latin1");
  return response;
}

// A value too large to wait in the read buffer: put together, behind its command line, in memory of its own. It is sent
// on when it is whole, so that a client that uploads slowly holds up nobody on the server's connection.

import { Lines, type TextRequest } from "@marugoto/protocol";

export class Upload {
  static readonly badChunk = Lines.badDataChunk;
  /** The command line, the value, CRLF. */
  readonly #bytes: Buffer;
  readonly #lineBytes: number;
  #filled: number;

  constructor(request: TextRequest) {
    const { input, lineStart, lineEnd, valueBytes } = request;
    this.#lineBytes = lineEnd - lineStart;
    this.#bytes = Buffer.allocUnsafeSlow(this.#lineBytes + valueBytes + 2);
    input.copy(this.#bytes, 0, lineStart, lineEnd);
    this.#filled = this.#lineBytes;
  }

  append(buffer: Buffer, start: number, end: number): void {
    buffer.copy(this.#bytes, this.#filled, start, end);
    this.#filled += end - start;
  }

  /** Makes the request as if line and value had come in one piece. Its other offsets already count from the line. */
  completeInto(request: TextRequest): void {
    this.#bytes[this.#filled] = 0x0d;
    this.#bytes[this.#filled + 1] = 0x0a;
    if (request.buffer === request.input) request.buffer = this.#bytes;
    request.input = this.#bytes;
    request.valueStart = this.#lineBytes;
    request.valueEnd = this.#filled;
  }
}

// Writing to a client's socket past its Writable: the answers of a pass are one buffer that the kernel nearly always takes
// at once, so the stream's queue, callback and tick are work for nothing. All use of Node's inside is in this file, behind
// feature detection; elsewhere the stream serves. A socket written to directly must never be written to in another way.

import type net from "node:net";

type Done = (error?: Error | null) => void;

/** What `_writev` gets: all of them buffers, and said so. */
type Chunks = { chunk: Buffer }[] & { allBuffers?: boolean };

interface WritableInside {
  /** net.Socket: hands data to the handle; `done` is called before it returns when the kernel took all of it. */
  _writeGeneric?: (writev: boolean, data: Buffer | Chunks, encoding: string, done: Done) => unknown;
}

/** Bytes on their way to one socket, and how many of them the kernel has not taken yet. */
export class DirectWriter {
  /** Bytes handed over and not yet with the kernel. */
  waiting = 0;
  readonly #socket: net.Socket & WritableInside;
  readonly #onDrain: () => void;
  /** Sizes of the writes under way, oldest first. */
  readonly #sizes: number[] = [];
  #isCalling = false;
  #isTaken = false;

  /** @param onDrain called when nothing waits any more */
  constructor(socket: net.Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
  }

  /** True when this Node's sockets can be written to directly. */
  static isPossible(socket: net.Socket): boolean {
    return typeof (socket as unknown as WritableInside)._writeGeneric === "function";
  }

  /** @returns true when nothing waits */
  write(bytes: Buffer): boolean {
    return this.#call(false, bytes, "buffer", bytes.length);
  }

  /** Several buffers in one system call. @returns true when nothing waits */
  writePieces(pieces: readonly Buffer[]): boolean {
    const chunks: Chunks = pieces.map((chunk) => ({ chunk }));
    chunks.allBuffers = true;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    return this.#call(true, chunks, "", bytes);
  }

  #call(writev: boolean, data: Buffer | Chunks, encoding: string, bytes: number): boolean {
    if (this.#socket.destroyed) return true;
    this.#isCalling = true;
    this.#isTaken = false;
    this.#socket._writeGeneric!(writev, data, encoding, this.#onWritten);
    this.#isCalling = false;
    if (!this.#wasTaken()) {
      this.waiting += bytes;
      this.#sizes.push(bytes);
    }
    return this.waiting === 0;
  }

  /** The callback may have run during the call, which the compiler doesn't see. */
  #wasTaken(): boolean {
    return this.#isTaken;
  }

  readonly #onWritten: Done = (error) => {
    if (this.#isCalling) {
      this.#isTaken = true;
      if (error) this.#socket.destroy(error);
      return;
    }
    this.waiting -= this.#sizes.shift() ?? 0;
    if (error) this.#socket.destroy(error);
    else if (this.waiting === 0 && !this.#socket.destroyed) this.#onDrain();
  };
}

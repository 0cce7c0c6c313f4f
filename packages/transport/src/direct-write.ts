// Writing to a net.Socket past its Writable: what leaves in an event is one buffer that the kernel nearly always takes
// at once, so the stream's queue, its callbacks and its next tick are work for nothing (1.5 µs an event). All use of
// Node's inside is in this file, behind feature detection; without it `write` serves. A socket written to directly must
// never be written to in another way.

import type net from "node:net";

interface WritableInside {
  /** net.Socket: hands data to the handle; `done` is called before it returns when the kernel took all of it. */
  _writeGeneric?: (
    writev: boolean,
    data: Buffer | Chunks,
    encoding: string,
    done: (error?: Error | null) => void,
  ) => unknown;
}

/** What `_writev` gets: all of them buffers, and said so. */
type Chunks = { chunk: Buffer }[] & { allBuffers?: boolean };

/** Bytes on their way to one socket, and how many of them the kernel has not taken yet. */
export class DirectWriter {
  /** Bytes handed over and not yet with the kernel. */
  waiting = 0;
  readonly #socket: net.Socket & WritableInside;
  readonly #onDrain: () => void;
  /** Sizes of the writes under way, oldest first, and what to call after each. */
  readonly #underWay: { readonly bytes: number; readonly done: (() => void) | undefined }[] = [];
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
    return this.#call(false, bytes, "buffer", bytes.length, undefined);
  }

  /** Several buffers in one system call; `done` once nobody reads them any more. @returns true when nothing waits */
  writePieces(pieces: readonly Buffer[], done?: () => void): boolean {
    const chunks: Chunks = pieces.map((chunk) => ({ chunk }));
    chunks.allBuffers = true;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    return this.#call(true, chunks, "", bytes, done);
  }

  /** The socket is gone: what was under way will not be reported any more. */
  close(): void {
    for (const { done } of this.#underWay.splice(0)) done?.();
    this.waiting = 0;
  }

  #call(
    writev: boolean,
    data: Buffer | Chunks,
    encoding: string,
    bytes: number,
    done: (() => void) | undefined,
  ): boolean {
    if (this.#socket.destroyed) {
      done?.();
      return true;
    }
    this.#isCalling = true;
    this.#isTaken = false;
    this.#socket._writeGeneric!(writev, data, encoding, this.#onWritten);
    this.#isCalling = false;
    if (this.#wasTaken()) {
      done?.();
    } else {
      this.waiting += bytes;
      this.#underWay.push({ bytes, done });
    }
    return this.waiting === 0;
  }

  /** The callback may have run during the call, which the compiler doesn't see. */
  #wasTaken(): boolean {
    return this.#isTaken;
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#isCalling) {
      this.#isTaken = true;
      if (error) this.#socket.destroy(error);
      return;
    }
    const first = this.#underWay.shift();
    if (first === undefined) return;
    this.waiting -= first.bytes;
    first.done?.();
    if (error) this.#socket.destroy(error);
    else if (this.waiting === 0 && !this.#socket.destroyed) this.#onDrain();
  };
}

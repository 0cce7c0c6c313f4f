// A socket, accepted or dialled, as who writes to it sees it: bytes out, the brakes, and how much the other side has not
// taken yet.

import type net from "node:net";
import { DirectWriter } from "./direct-write.ts";

/** What a socket reports to. */
export interface SocketHandler {
  /** `buffer[start, end)` is valid during the call only. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** All that was written is with the kernel. */
  onDrain(): void;
  /** The other side sends no more; it may still read. */
  onInputEnd(): void;
  /** The connection is gone; `error` when that was not by agreement. */
  onClosed(error: Error | undefined): void;
}

export class ByteSocket {
  /** Called when nothing waits any more, after a write that was not taken at once. */
  onDrain: () => void = () => undefined;
  readonly #socket: net.Socket;
  readonly #direct: DirectWriter | undefined;
  /** Of the stream: a write was not taken at once, and `onDrain` has not been called since. */
  #owesDrain = false;

  /** @param directWrite false = through the stream even where it can be passed by */
  constructor(socket: net.Socket, directWrite = true) {
    this.#socket = socket;
    if (directWrite && DirectWriter.isPossible(socket)) {
      this.#direct = new DirectWriter(socket, () => {
        this.onDrain();
      });
    }
  }

  /** Address of the other side; "" of a Unix socket. */
  get remoteHost(): string {
    return this.#socket.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  /** Address it was accepted at; "" of a Unix socket. */
  get localHost(): string {
    return this.#socket.localAddress ?? "";
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Bytes handed over and not yet with the kernel. */
  get waiting(): number {
    return this.#direct === undefined ? this.#socket.writableLength : this.#direct.waiting;
  }

  /**
   * Hands bytes on. They may be read later, so they must stay as they are unless true comes back.
   *
   * @returns true when all bytes, these and earlier ones, are with the kernel
   */
  write(bytes: Buffer): boolean {
    if (this.#direct !== undefined) return this.#direct.write(bytes);
    this.#socket.write(bytes, this.#onWritten);
    return this.#isTaken();
  }

  /** Hands several buffers on in one write; `done` when nobody reads them any more, sent or not. */
  writePieces(pieces: readonly Buffer[], done?: () => void): boolean {
    if (this.#direct !== undefined) return this.#direct.writePieces(pieces, done);
    const socket = this.#socket;
    const last = pieces.length - 1;
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(pieces[i]!);
    socket.write(pieces[last]!, () => {
      done?.();
      this.#onWritten();
    });
    socket.uncork();
    return this.#isTaken();
  }

  /** No more `onBytes` until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes after what was written has left. */
  end(): void {
    this.#socket.destroySoon();
  }

  /** Closes now. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** The socket is gone: what was under way will not be reported any more. */
  closed(): void {
    this.#direct?.close();
  }

  /** Has the stream passed everything on? If not, its last callback will tell. */
  #isTaken(): boolean {
    this.#owesDrain = this.#socket.writableLength > 0;
    return !this.#owesDrain;
  }

  /** The stream tells of `drain` only above its high-water mark: after each write instead. */
  readonly #onWritten = (): void => {
    if (!this.#owesDrain || this.#socket.writableLength > 0 || this.#socket.destroyed) return;
    this.#owesDrain = false;
    this.onDrain();
  };
}

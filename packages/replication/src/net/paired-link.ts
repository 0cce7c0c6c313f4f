// A link over node:net: two TCP connections, one for each direction. A process that is killed while unread bytes lie in a
// socket resets that connection, and what its kernel still had to send on it is lost; on a connection that only ever
// sends there are none, so that what was handed to the kernel arrives. The side that dials opens both and names the
// pair by a token.

import type { Socket } from "node:net";
import type { Link, LinkHandler } from "../environment.ts";

/** First bytes of each connection: magic, direction, token. */
export const PREFACE_BYTES = 24;
const MAGIC = Buffer.from("MRGTLNK", "latin1");

/** Which way a connection carries bytes: from the side that dialled, or to it. */
export const Way = { up: 1, down: 2 } as const;
export type Way = (typeof Way)[keyof typeof Way];

export function writePreface(way: Way, token: Buffer): Buffer {
  return Buffer.concat([MAGIC, Buffer.from([way]), token]);
}

/** @returns undefined when it is none */
export function readPreface(bytes: Buffer): { readonly way: Way; readonly token: string } | undefined {
  const way = bytes[MAGIC.length];
  if (bytes.length < PREFACE_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return undefined;
  if (way !== Way.up && way !== Way.down) return undefined;
  return { way, token: bytes.toString("hex", 8, PREFACE_BYTES) };
}

/** After one connection of a pair has closed, the other may deliver for so long. */
const LAST_BYTES_MS = 500;

/** What a closed link still has to send is given up after this. */
const LINGER_MS = 2000;

export class PairedLink implements Link {
  readonly remote: string;
  readonly remoteHost: string;
  readonly #incoming: Socket;
  readonly #outgoing: Socket;
  #handler: LinkHandler | undefined;
  #closed = false;
  #reason = "closed";
  #lastBytes: NodeJS.Timeout | undefined;
  #early: Buffer[] = [];

  /** @param early bytes of `incoming` that were read already */
  constructor(incoming: Socket, outgoing: Socket, early: Buffer) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    const { remoteAddress = "", remotePort = 0 } = outgoing;
    this.remoteHost = remoteAddress.replace(/^::ffff:/, "");
    this.remote = `${this.remoteHost}:${remotePort}`;
    if (early.length > 0) this.#early.push(early);
    for (const socket of [incoming, outgoing]) {
      socket.removeAllListeners("error");
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 10_000);
      socket.on("error", (error: NodeJS.ErrnoException) => {
        this.#reason = error.code ?? error.message;
      });
    }
    incoming.on("data", (chunk: Buffer) => {
      if (this.#handler === undefined) this.#early.push(chunk);
      else this.#handler.onBytes(chunk, 0, chunk.length);
    });
    incoming.on("close", this.#onGone);
    // The other side says its last on `incoming`, which may not have been read to its end.
    outgoing.on("close", () => {
      this.#lastBytes ??= setTimeout(this.#onGone, LAST_BYTES_MS);
    });
    // Nothing comes on the outgoing one but its end.
    outgoing.on("data", this.#onGone);
  }

  get waiting(): number {
    return this.#outgoing.writableLength;
  }

  write(bytes: Buffer): boolean {
    if (this.#closed || this.#outgoing.destroyed) return false;
    this.#outgoing.write(bytes, this.#onWritten);
    return this.#outgoing.writableLength === 0;
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    const early = this.#early;
    this.#early = [];
    if (this.#closed) {
      setImmediate(() => {
        handler.onClosed(this.#reason);
      });
      return;
    }
    for (const chunk of early) handler.onBytes(chunk, 0, chunk.length);
  }

  close(): void {
    this.#onGone();
  }

  readonly #onWritten = (): void => {
    if (!this.#closed && this.#outgoing.writableLength === 0) this.#handler?.onDrain();
  };

  readonly #onGone = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lastBytes);
    this.#incoming.destroy();
    // What was handed on still leaves by itself; but the other side may never read it.
    this.#outgoing.destroySoon();
    if (!this.#outgoing.destroyed) {
      const deadline = setTimeout(() => this.#outgoing.destroy(), LINGER_MS);
      this.#outgoing.once("close", () => {
        clearTimeout(deadline);
      });
    }
    this.#handler?.onClosed(this.#reason);
  };
}

// A client of the server inside the process: executes requests that came from other nodes as any client's, one at a time,
// and gives back the answers.

import type { ByteHandler, Server, Transport } from "@marugoto/server";
import { CacheError } from "@marugoto/core";

export class LocalClient implements Transport {
  readonly remote = "unix:replication";
  readonly local = "unix:replication";
  /** Not one of those that are ended for being silent. */
  readonly isRemote = false;
  readonly isSynchronous = true;
  readonly waiting = 0;
  /** True during `execute`: hooks let its requests pass. */
  isExecuting = false;
  readonly #server: Server;
  #session: ByteHandler | undefined;
  #answer: Buffer[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Executes one request that is whole.
   *
   * @returns the answer, as it would be sent
   * @throws CacheError `closed` when the server takes no more clients
   */
  execute(request: Buffer): Buffer {
    this.#session ??= this.#server.accept(this);
    if (this.#session === undefined) throw new CacheError("closed", "the server takes no more clients");
    this.isExecuting = true;
    this.#answer = [];
    try {
      this.#session.onBytes(request, 0, request.length);
    } finally {
      this.isExecuting = false;
    }
    return this.#answer.length === 1 ? this.#answer[0]! : Buffer.concat(this.#answer);
  }

  // ---- Transport ----

  write(buffer: Buffer, start: number, end: number): boolean {
    this.#answer.push(Buffer.from(buffer.subarray(start, end)));
    return true;
  }

  writePieces(pieces: readonly Buffer[], done: () => void): boolean {
    for (const piece of pieces) this.#answer.push(Buffer.from(piece));
    done();
    return true;
  }

  pause(): void {
    // Every request is whole when it is given.
  }

  resume(): void {
    // As above.
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.onClosed(undefined);
  }
}

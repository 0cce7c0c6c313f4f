// Where clients arrive: the listener of one pool. It accepts, and decides nothing about whom.

import type { Endpoint } from "@marugoto/core";
import { SocketListener } from "@marugoto/transport";
import type { ListenConfig } from "../config/types.ts";
import { ClientSocket, type ClientHandler } from "./client-socket.ts";

/** Size of the one read buffer of a thread: the most that a session is given at once. */
export const READ_BUFFER_BYTES = 64 * 1024;

export interface ListenerOwner {
  /** Shared by all listeners of a thread, `READ_BUFFER_BYTES` long. */
  readonly readBuffer: Buffer;
  /** Takes a connection; undefined when it was refused and has been ended. */
  accept(socket: ClientSocket): ClientHandler | undefined;
  onError(what: string, error: unknown): void;
}

export class Listener {
  readonly config: ListenConfig;
  readonly #sockets: SocketListener;
  /** Where it listens, with the real port. */
  #endpoint: Endpoint;

  constructor(config: ListenConfig, owner: ListenerOwner) {
    this.config = config;
    this.#endpoint = config.endpoint;
    const path = config.endpoint.kind === "unix" ? config.endpoint.path : undefined;
    this.#sockets = new SocketListener({
      ...config,
      readBuffer: owner.readBuffer,
      accept: (socket) => owner.accept(new ClientSocket(socket, path)),
      onError: (what, error) => {
        owner.onError(what, error);
      },
    });
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /**
   * Opens it. A stale Unix socket file is removed first; a file of another kind is left alone.
   *
   * @returns where it listens, with the real port
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  async listen(): Promise<Endpoint> {
    this.#endpoint = await this.#sockets.listen();
    return this.#endpoint;
  }

  /** Accepts no more; open connections stay. */
  close(): Promise<void> {
    return this.#sockets.close();
  }
}

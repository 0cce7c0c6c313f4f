// Waiting for a slave to attach. The peer may be on this host and have the port: it is tried again until it is free.

import { createServer as createListener, type Server as Listener, type Socket } from "node:net";
import type { TcpEndpoint } from "../options.ts";
import { discard } from "./dialer.ts";
import { PermittedPeers } from "./peers.ts";
import type { RepcachedReplication } from "./repcached-replication.ts";

/** Pauses between tries, in milliseconds: doubled from the first to the last. */
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 1000;

export class Listening {
  readonly #node: RepcachedReplication;
  #listener: Listener | undefined;
  /** Where it listens; a port that was free at first stays the one. */
  port: number;
  #pauseMs = FIRST_PAUSE_MS;
  /** The present row of tries has been told. */
  #isTold = false;
  readonly #permitted: PermittedPeers;

  constructor(node: RepcachedReplication) {
    this.#node = node;
    this.port = node.options.listen?.port ?? 0;
    this.#permitted = new PermittedPeers(node.peer?.host);
  }

  /** The port is ours, or is about to be. */
  get hasPort(): boolean {
    return this.#listener !== undefined;
  }

  /** Calls `then` once it is known whether the port can be had; at once where nobody waits for that. */
  settled(then: () => void): void {
    if (this.#listener?.listening === false) this.#listener.once("listening", then);
    else then();
  }

  start(): void {
    const { listen } = this.#node.options;
    if (listen === undefined || this.#listener !== undefined) return;
    const listener = createListener({ noDelay: true });
    this.#listener = listener;
    listener.on("connection", (socket) => {
      void this.#admit(socket);
    });
    listener.once("error", (error) => {
      this.#listener = undefined;
      if (this.#node.peer === undefined && this.#node.opened !== undefined) {
        this.#node.opened.reject(error);
        return;
      }
      this.#again(listen, error);
      this.#node.open();
    });
    listener.listen(this.port, listen.host, () => {
      listener.removeAllListeners("error");
      // Too many open files, most of all: whoever wants to attach tries again.
      listener.on("error", (error) => {
        this.#node.events.emit("error", { what: "accepting a connection", error });
      });
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#isTold = false;
      const address = listener.address();
      if (typeof address === "object" && address !== null) this.port = address.port;
      this.#node.events.emit("listening", { host: listen.host, port: this.port });
    });
  }

  /** The peer may be on this host and still have the port. */
  #again(listen: TcpEndpoint, error: unknown): void {
    if (!this.#isTold) this.#node.events.emit("listenRefused", { host: listen.host, port: listen.port, error });
    this.#isTold = true;
    const pause = this.#pauseMs;
    this.#pauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
    setTimeout(() => {
      if (this.#node.state === "alone" && !this.#node.isClosed) this.start();
    }, pause).unref();
  }

  stop(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  async #admit(socket: Socket): Promise<void> {
    const address = socket.remoteAddress ?? "";
    const remote = `${address}:${socket.remotePort ?? 0}`;
    socket.pause();
    const fail = () => undefined; // A peer that goes while its address is looked up is no peer.
    socket.on("error", fail);
    const isPermitted = this.#permitted.knows(address) || (await this.#permitted.permits(address));
    socket.off("error", fail);
    const isFree =
      this.#node.state === "alone" && this.#node.socket === undefined && !this.#node.isYielding && !this.#node.isClosed;
    if (!isPermitted || !isFree || socket.destroyed) {
      this.#node.counts.refused++;
      discard(socket);
      this.#node.events.emit("refused", {
        peer: remote,
        reason: isPermitted ? "already connected" : "not the peer that -x names",
      });
      return;
    }
    this.#node.counts.accepted++;
    this.#node.events.emit("connected", { peer: remote, direction: "in" });
    this.#node.takeLink(socket, remote, "in");
    this.#node.happened("accepted", `${remote} has attached`);
    socket.resume();
  }
}

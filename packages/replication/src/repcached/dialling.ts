// Asking the peer for its content: dialled again and again while this node has nothing of its own to lose.

import type { Socket } from "node:net";
import { formatEndpoint } from "@marugoto/core";
import type { TcpEndpoint } from "../options.ts";
import { dialPeer, discard } from "./dialer.ts";
import type { RepcachedReplication } from "./repcached-replication.ts";

/** Pauses between tries, in milliseconds: doubled from the first to the last. */
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 1000;

/** A slave draws the cas numbers of its own commands in this epoch, so that none meets a number of its master's. */
const SLAVE_ROUND = 0;
const SLAVE_RANK = 1;

export class Dialling {
  readonly #node: RepcachedReplication;
  /** Ends the present try. */
  #giveUp: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** The present row of tries has been told. */
  #isTold = false;

  constructor(node: RepcachedReplication) {
    this.#node = node;
  }

  get #mayDial(): boolean {
    // While it holds the port that the peer is said to have, this node would reach itself: two nodes on one host.
    const isOwnPort = this.#node.listening.hasPort && this.#node.peer?.port === this.#node.listening.port;
    if (this.#node.isClosed || this.#node.isYielding || isOwnPort) return false;
    return this.#node.state === "dialing" || (this.#node.state === "alone" && this.#node.isFresh);
  }

  /** Dials after a pause. */
  soon(): void {
    const pause = this.#pauseMs;
    this.#pauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
    clearTimeout(this.#timer);
    // Two nodes that dial each other must not do so in step for ever.
    this.#timer = setTimeout(
      () => {
        if (this.#node.peer === undefined) return;
        if (this.#mayDial) this.dial(this.#node.peer);
        else if (this.#node.state === "alone" && this.#node.isFresh) this.soon();
      },
      pause / 2 + Math.random() * (pause / 2),
    );
    this.#timer.unref();
  }

  dial(peer: TcpEndpoint): void {
    if (!this.#isTold) this.#node.events.emit("dialing", { peer: formatEndpoint(peer) });
    this.#isTold = true;
    this.#giveUp = dialPeer(peer, this.#node.options.peerTimeoutMs, {
      onFailed: (reason) => {
        this.#node.happened("unreachable", reason);
      },
      onConnected: (socket) => {
        if (this.#mayDial) this.#attach(socket, formatEndpoint(peer));
        else discard(socket);
      },
    });
  }

  #attach(socket: Socket, peer: string): void {
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#isTold = false;
    this.#node.events.emit("connected", { peer, direction: "out" });
    this.#node.takeLink(socket, peer, "out");
    const { store } = this.#node.live;
    if (store.epoch() < SLAVE_RANK) store.setEpoch(SLAVE_ROUND, SLAVE_RANK);
    this.#node.events.emit("copyStarted", { peer, direction: "in" });
    this.#node.startCopyClock();
    this.#node.happened("connected", `${peer} answers`);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#giveUp?.();
  }
}

// Where other nodes connect, and who may. A port that is taken is tried again when this node is to be master.

import { isCacheError } from "@marugoto/core";
import type { TcpEndpoint } from "../options.ts";
import type { ReplicationNode } from "./node.ts";

/** Connections that have not proved themselves yet; more are closed. */
const MAX_STRANGERS = 64;

export class Listener {
  readonly #node: ReplicationNode;
  #listening: { readonly port: number; close(): void } | undefined;
  /** The port was taken when we last tried. */
  #isRefused = false;
  /** Our own address while another has it: dialled until it is ours. */
  #occupied: TcpEndpoint | undefined;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** Where we listen; 0 = nowhere. */
  get port(): number {
    return this.#listening?.port ?? 0;
  }

  async bind(isQuiet = false): Promise<void> {
    const { listen } = this.#node.options;
    if (listen === undefined || this.#listening !== undefined) return;
    this.#isRefused = false;
    try {
      const listening = await this.#node.network.listen(
        listen,
        (link) => {
          let strangers = 0;
          for (const { established } of this.#node.peers) if (!established) strangers++;
          if (strangers < MAX_STRANGERS) this.#node.links.greet(link, false).open();
          else link.close();
        },
        (host) => this.#admits(host),
        (error) => {
          this.#node.links.onError("accepting a connection", error);
        },
      );
      if (this.#node.isClosed()) {
        listening.close();
        return;
      }
      this.#listening = listening;
      // The port is ours now, and nobody else is to be found there.
      if (this.#occupied !== undefined) this.#node.dialling.owned(this.#occupied);
      this.#occupied = undefined;
      this.#node.events.emit("listening", { host: listen.host, port: listening.port });
      this.#node.states.tell();
    } catch (error) {
      this.#isRefused = true;
      if (isQuiet) return;
      this.#node.events.emit("listenRefused", { host: listen.host, port: listen.port, error });
      // Whoever has our port is a peer most likely: the other node of this host, or this one, started twice.
      if (isCacheError(error) && error.code === "address_in_use")
        this.#lookInto({ ...listen, host: reachable(listen.host) });
    }
  }

  /** Dials our own port, unless that is a peer's by the command line. */
  #lookInto(endpoint: TcpEndpoint): void {
    if (!this.#node.dialling.add(endpoint)) return;
    this.#occupied = endpoint;
  }

  /** Where the port was taken: whoever had it may have gone. */
  bindAgain(): void {
    if (!this.#isRefused || this.#node.isClosed()) return;
    this.bind(true).catch((error: unknown) => {
      this.#node.links.onError("listening again", error);
    });
  }

  /** Without a secret only the named peers and this host may say anything. */
  #admits(host: string): boolean {
    if (this.#node.options.secret !== undefined) return true;
    const plain = host.replace(/^::ffff:/, "");
    const admitted =
      plain === "::1" || plain.startsWith("127.") || this.#node.options.peers.some((peer) => peer.host === plain);
    if (!admitted) {
      this.#node.counters.refusedPeers++;
      this.#node.events.emit("refused", { peer: plain, reason: "no peer of this node" });
    }
    return admitted;
  }

  close(): void {
    this.#listening?.close();
  }
}

/** Where a listener at `host` is reached from its own host. */
function reachable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

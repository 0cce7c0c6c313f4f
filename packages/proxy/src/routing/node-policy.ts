// When a server is out of use: the circuit of each, fed by what its connections report. It chooses no server for a key:
// the proxy asks its placement, and sends through the pool's lower door.

import { CacheError } from "@marugoto/core";
import { Refusal, type FailoverPolicy } from "@marugoto/client";
import { NodeCount, type Node } from "./node.ts";

export interface NodePolicyOwner {
  /** Failures in a row that put a server out of use. */
  readonly failureLimit: number;
  /** A connection to a server could not be made, or has ended. */
  onLost(node: Node, error: CacheError): void;
  /** A server has failed often enough. */
  onOut(node: Node, error: CacheError): void;
  /** The host of a server that is out of use may have said that nobody listens there. */
  onConnectFailed(node: Node, error: CacheError): void;
  /** A server that is out of use has a connection again. */
  onReachable(node: Node): void;
  /** A server that is in use has a new connection. */
  onConnected(node: Node): void;
}

export class NodePolicy implements FailoverPolicy {
  readonly reconnect = "background";
  readonly timeoutEndsRequest = true;
  /** In the order of the pool's servers. */
  nodes: readonly Node[];
  /** Per server: a link's index is `node * connections + n`. */
  readonly connections: number;
  /** Another pool of connections has taken over: what this one still reports says nothing about the servers. */
  isRetired = false;
  readonly #owner: NodePolicyOwner;

  constructor(owner: NodePolicyOwner, nodes: readonly Node[], connections: number) {
    this.#owner = owner;
    this.nodes = nodes;
    this.connections = connections;
  }

  /** The owner sets `nodes` before it changes the pool's servers. */
  setServers(): void {
    // Nothing to remember.
  }

  owner(): number {
    return Refusal.noServer;
  }

  first(): number {
    return Refusal.noServer;
  }

  next(): number {
    return Refusal.lastError;
  }

  connectFailed(link: number, error: CacheError): void {
    const node = this.#node(link);
    node.counts[NodeCount.errors]!++;
    this.#failed(node, error);
    if (this.isRetired) return;
    this.#owner.onConnectFailed(node, error);
    this.#owner.onLost(node, error);
  }

  connectionLost(link: number, idle: boolean, error: CacheError): void {
    const node = this.#node(link);
    node.counts[error.cause === undefined ? NodeCount.eofs : NodeCount.errors]!++;
    // A server may close a connection that nobody waits on: that says nothing about it.
    if (idle) node.failed(error);
    else this.#failed(node, error);
    if (!this.isRetired) this.#owner.onLost(node, error);
  }

  /** The pool reports no timeouts of requests that came through its lower door: see `nodeTimedOut`. */
  timedOut(): void {
    // Nobody calls it.
  }

  /** A request to the server had no answer in time. */
  nodeTimedOut(node: Node): void {
    node.counts[NodeCount.timeouts]!++;
    this.#failed(node, new CacheError("timeout", `${node.name}: no answer in time`));
  }

  connected(link: number): void {
    const node = this.#node(link);
    if (node.inUse) node.failures = 0;
    if (this.isRetired) return;
    if (node.inUse) this.#owner.onConnected(node);
    else this.#owner.onReachable(node);
  }

  answered(link: number): void {
    this.#node(link).failures = 0;
  }

  #node(link: number): Node {
    return this.nodes[this.connections === 1 ? link : Math.floor(link / this.connections)]!;
  }

  #failed(node: Node, error: CacheError): void {
    node.failed(error);
    if (this.isRetired) return;
    node.failures++;
    if (node.inUse && node.failures >= this.#owner.failureLimit) this.#owner.onOut(node, error);
  }
}

// When a server is out of use: the circuit of each, fed by what its connections report. It chooses no server for a key:
// the proxy asks its placement, and sends through the pool's lower door.

import { CacheError } from "@marugoto/core";
import { Refusal, type FailoverPolicy } from "@marugoto/client";
import { NodeCount, type Node } from "./node.ts";

export interface NodePolicyOwner {
  readonly nodes: readonly Node[];
  /** Connections per server: a link's index is `node * connections + n`. */
  readonly connections: number;
  /** Failures in a row that put a server out of use. */
  readonly failureLimit: number;
  /** A server has failed often enough. */
  onOut(node: Node, error: CacheError): void;
  /** A server that is out of use has a connection again. */
  onReachable(node: Node): void;
}

export class NodePolicy implements FailoverPolicy {
  readonly reconnect = "background";
  readonly timeoutEndsRequest = true;
  readonly #owner: NodePolicyOwner;

  constructor(owner: NodePolicyOwner) {
    this.#owner = owner;
  }

  /** The owner has its own list of them. */
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
  }

  connectionLost(link: number, idle: boolean, error: CacheError): void {
    const node = this.#node(link);
    node.counts[error.cause === undefined ? NodeCount.eofs : NodeCount.errors]!++;
    // A server may close a connection that nobody waits on: that says nothing about it.
    if (idle) node.failed(error);
    else this.#failed(node, error);
  }

  timedOut(link: number): void {
    const node = this.#node(link);
    node.counts[NodeCount.timeouts]!++;
    this.#failed(node, new CacheError("timeout", `${node.name}: no answer in time`));
  }

  connected(link: number): void {
    const node = this.#node(link);
    if (node.inUse) node.failures = 0;
    else this.#owner.onReachable(node);
  }

  answered(link: number): void {
    this.#node(link).failures = 0;
  }

  #node(link: number): Node {
    const { nodes, connections } = this.#owner;
    return nodes[connections === 1 ? link : Math.floor(link / connections)]!;
  }

  #failed(node: Node, error: CacheError): void {
    node.failed(error);
    node.failures++;
    if (node.inUse && node.failures >= this.#owner.failureLimit) this.#owner.onOut(node, error);
  }
}

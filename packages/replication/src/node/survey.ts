// At the start: is there somebody to follow, or is it certain, or long enough likely, that there is nobody?

import type { NodeState } from "../wire/messages.ts";
import type { Target } from "./dialling.ts";
import { EARLY_MS } from "./loss.ts";
import type { ReplicationNode } from "./node.ts";

export class Survey {
  readonly #node: ReplicationNode;
  /** We began alone, and somebody whom we could not reach may have done the same. */
  isUnsure = false;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  untilLate(): void {
    this.#node.wait(this.#node.options.peerTimeoutMs, () => {
      this.look();
    });
    this.look();
  }

  /** At the start: is there somebody to follow, or is it certain, or long enough likely, that there is nobody? */
  look(): void {
    if (this.#node.role !== "starting") return;
    const linked = [...this.#node.peers].filter((peer) => peer.established && peer.state !== undefined);
    const master = linked.find((peer) => peer.state!.role === "master");
    if (master !== undefined) {
      this.#node.fire("masterFound", `${master.link.remote} is master`, master);
      return;
    }
    const isLate = this.#node.nowMs() - this.#node.loss.sinceMs >= this.#node.options.peerTimeoutMs - EARLY_MS;
    if (!isLate && this.#node.dialling.targets.some((target) => !this.#isAccountedFor(target))) return;
    const slave = linked.find((peer) => peer.state!.role === "slave" && peer.state!.complete);
    if (slave !== undefined) {
      this.#node.fire("masterFound", `${slave.link.remote} follows a master`, slave);
      return;
    }
    // Somebody who is about to become something, or has more right to: the next state will tell.
    const waits = linked.some(
      ({ state, nodeId }) => state!.role !== "starting" || (nodeId > this.#node.nodeId && !this.#knowsMore(state!)),
    );
    if (waits) return;
    this.isUnsure = !this.#node.complete || !this.hasSeenAll;
    this.#node.fire("alone", linked.length > 0 ? "elected among nodes that start" : "nobody is there");
  }

  /** Of every address it is known who is there. */
  get hasSeenAll(): boolean {
    return this.#node.dialling.targets.every((target) => this.#isAccountedFor(target));
  }

  /** Nobody is at this address, or it is ourselves, or who is there is linked and has said what it is. */
  #isAccountedFor({ outcome, nodeId }: Target): boolean {
    if (outcome === "refused" || outcome === "self") return true;
    return outcome === "found" && this.#node.links.find(nodeId)?.state !== undefined;
  }

  /** Of nodes that start, one that had begun to take a copy has more than one that has nothing. */
  #knowsMore(state: NodeState): boolean {
    return this.#node.log.end > state.logEnd;
  }
}

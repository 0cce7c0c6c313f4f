// Giving the role of master to a replica that is in step, on purpose and without losing a write.

import { MessageKind, writePlain } from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

export class Handover {
  readonly #node: ReplicationNode;
  #pending: { readonly done: (handed: boolean) => void; readonly cancel: () => void } | undefined;
  #successor: Peer | undefined;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** Gives the role to a replica that is in step. */
  begin(withinMs: number): Promise<boolean> {
    if (this.#node.role !== "master") return Promise.resolve(this.#node.role !== "yielding");
    this.#successor = this.#ready();
    if (this.#successor === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#node.timers.after(withinMs, () => {
        this.end(false);
        // The lease was given back for the successor, and may be anybody's: we ask for it as any other does.
        const event = this.#node.coordinator === undefined ? "handoverFailed" : "leaseLost";
        this.#node.fire(event, `nobody took over within ${withinMs} ms`);
      });
      this.#pending = { done: resolve, cancel };
      this.#node.fire("handover", "asked to hand over");
    });
  }

  /** A replica has come into step: if the one that was appointed is gone, it takes its place. */
  review(): void {
    if (this.#node.role !== "yielding" || this.#successor?.downstream !== undefined) return;
    this.#successor = this.#ready();
    if (this.#successor !== undefined) this.appoint();
  }

  #ready(): Peer | undefined {
    for (const { inStep, peer } of this.#node.downstreams) if (inStep) return peer;
    return undefined;
  }

  appoint(): void {
    const peer = this.#successor;
    this.#node.states.tell();
    const say = () => {
      peer?.downstream?.post(writePlain(MessageKind.handover, this.#node.log.end));
    };
    if (this.#node.coordinator === undefined) {
      say();
      return;
    }
    this.#node.coordinator.release().then(say, (error: unknown) => {
      this.#node.links.onError("releasing the lease", error);
      say();
    });
  }

  /** Tells who waits what came of it, if anybody does. */
  end(handed: boolean): void {
    const handover = this.#pending;
    this.#pending = undefined;
    this.#successor = undefined;
    handover?.cancel();
    handover?.done(handed);
  }
}

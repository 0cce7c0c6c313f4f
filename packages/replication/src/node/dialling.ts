// Dials the other nodes, again and again, until each is linked. What came of a dial is remembered, because a role may
// depend on it: nobody there, somebody there, or no answer yet.

import type { DialFailure, Link, Network, Timers } from "../environment.ts";
import type { TcpEndpoint } from "../options.ts";
import type { Peer } from "./peer.ts";

/** The pause after a failed dial grows from the first to the second, in milliseconds. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/** What is known of an address: nothing yet, that nobody listens or answers, that it is ourselves, who is there. */
export type Outcome = "unknown" | DialFailure | "self" | "found";

export interface Target {
  readonly endpoint: TcpEndpoint;
  outcome: Outcome;
  /** Who was there last, as a node id; "" = nobody so far. */
  nodeId: string;
  /** When the dial that gave `outcome` began; `nowMs`. */
  dialledMs: number;
}

interface Dialled extends Target {
  /** The link of the present dial, while it is being greeted. */
  peer: Peer | undefined;
  cancel: (() => void) | undefined;
  pauseMs: number;
  /** The present row of tries has been told of. */
  isTold: boolean;
}

export interface DiallingParts {
  readonly network: Network;
  readonly timers: Timers;
  readonly endpoints: readonly TcpEndpoint[];
  /** A dial without greeting is given up after this. */
  readonly attemptMs: number;
  /** Is a node with this id linked? */
  readonly isLinked: (nodeId: string) => boolean;
  /** The first dial of a row of tries begins. */
  readonly onDial: (target: Target) => void;
  /** Greets a link that we dialled. */
  readonly greet: (link: Link) => Peer;
  /** An outcome is known. */
  readonly onOutcome: (target: Target) => void;
}

export class Dialling {
  readonly #parts: DiallingParts;
  readonly #targets: Dialled[] = [];
  #closed = false;

  constructor(parts: DiallingParts) {
    this.#parts = parts;
    for (const endpoint of parts.endpoints) this.#add(endpoint);
  }

  get targets(): readonly Target[] {
    return this.#targets;
  }

  start(): void {
    for (const target of this.#targets) this.#dial(target);
  }

  /** Dials one more address from now on, unless it is known. @returns whether it was not */
  add(endpoint: TcpEndpoint): boolean {
    if (this.#targets.some((target) => isSame(target.endpoint, endpoint))) return false;
    this.#dial(this.#add(endpoint));
    return true;
  }

  /** Dials one more address when its node is lost, unless it is known. */
  learn(endpoint: TcpEndpoint, nodeId: string): void {
    if (this.#targets.some((target) => target.nodeId === nodeId || isSame(target.endpoint, endpoint))) return;
    const target = this.#add(endpoint);
    target.nodeId = nodeId;
    target.outcome = "found";
  }

  /** An address is our own now: whoever was found there is there no longer. */
  owned(endpoint: TcpEndpoint): void {
    const target = this.#targets.find((each) => isSame(each.endpoint, endpoint));
    if (target === undefined) return;
    target.cancel?.();
    target.cancel = undefined;
    this.#settle(target, "self");
  }

  /** Somebody said hello: `nodeId` is there; ours = it is ourselves. @returns whether that is news */
  found(peer: Peer, nodeId: string, isSelf: boolean): boolean {
    const target = this.#targets.find((each) => each.peer === peer);
    if (target === undefined) return true;
    const before = target.outcome;
    target.nodeId = nodeId;
    this.#settle(target, isSelf ? "self" : "found");
    return before !== target.outcome;
  }

  /** The link of a dial has closed, before or after it was of use. */
  closed(peer: Peer): void {
    const target = this.#targets.find((each) => each.peer === peer);
    if (target === undefined) return;
    target.peer = undefined;
    target.cancel?.();
    target.cancel = undefined;
    this.#again(target);
  }

  /** A linked node has gone: whatever was known of its addresses is known no longer. */
  lost(nodeId: string): void {
    for (const target of this.#targets) {
      if (target.nodeId !== nodeId || target.peer !== undefined || target.outcome === "self") continue;
      target.outcome = "unknown";
      target.pauseMs = FIRST_PAUSE_MS;
      target.cancel?.();
      target.cancel = undefined;
      this.#dial(target);
    }
  }

  close(): void {
    this.#closed = true;
    for (const target of this.#targets) target.cancel?.();
  }

  #add(endpoint: TcpEndpoint): Dialled {
    const target: Dialled = {
      endpoint,
      outcome: "unknown",
      nodeId: "",
      dialledMs: 0,
      peer: undefined,
      cancel: undefined,
      pauseMs: FIRST_PAUSE_MS,
      isTold: false,
    };
    this.#targets.push(target);
    return target;
  }

  #isLinked(target: Dialled): boolean {
    return target.nodeId !== "" && this.#parts.isLinked(target.nodeId);
  }

  #dial(target: Dialled): void {
    if (this.#closed || target.cancel !== undefined || target.peer !== undefined || this.#isLinked(target)) return;
    const { timers, network, attemptMs } = this.#parts;
    if (!target.isTold) this.#parts.onDial(target);
    target.isTold = true;
    target.dialledMs = timers.nowMs();
    let cancelDial: () => void = () => undefined;
    const cancelTimer = timers.after(attemptMs, () => {
      cancelDial();
      target.cancel = undefined;
      const { peer } = target;
      if (peer === undefined) {
        this.#settle(target, "unreachable");
        this.#again(target);
      } else if (!peer.established) {
        this.#settle(target, "unreachable");
        peer.close("no greeting");
      }
    });
    target.cancel = () => {
      cancelTimer();
      cancelDial();
    };
    cancelDial = network.dial(target.endpoint, (result) => {
      cancelDial = () => undefined;
      if (result === "refused" || result === "unreachable") {
        cancelTimer();
        target.cancel = undefined;
        this.#settle(target, result);
        this.#again(target);
        return;
      }
      const peer = this.#parts.greet(result);
      target.peer = peer;
      peer.open();
    });
  }

  #settle(target: Dialled, outcome: Outcome): void {
    target.outcome = outcome;
    if (outcome === "found" || outcome === "self") target.pauseMs = FIRST_PAUSE_MS;
    if (outcome === "found") target.isTold = false;
    this.#parts.onOutcome(target);
  }

  /** Dials again after a pause; ourselves less often, in case the address becomes another's. */
  #again(target: Dialled): void {
    if (this.#closed || target.cancel !== undefined || target.peer !== undefined) return;
    const pauseMs = target.outcome === "self" ? 10 * LONGEST_PAUSE_MS : target.pauseMs;
    target.pauseMs = Math.min(LONGEST_PAUSE_MS, target.pauseMs * 2);
    target.cancel = this.#parts.timers.after(pauseMs, () => {
      target.cancel = undefined;
      // A target that is linked otherwise is looked at again when that link ends.
      this.#dial(target);
    });
  }
}

function isSame(a: TcpEndpoint, b: TcpEndpoint): boolean {
  return a.host === b.host && a.port === b.port;
}

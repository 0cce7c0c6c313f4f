// A coordinator in memory, as strict as a real one may be slow: a lease with an end, which its holder prolongs and counts
// from before it asked, while the coordinator counts from when it answered.

import { TypedEvents } from "@marugoto/core";
import type { Random } from "@marugoto/testing";
import type { Coordinator, CoordinatorEvents } from "../../src/coordinator/coordinator.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

const LEASE_MS = 600;
const RENEW_MS = 150;

export class SimCoordinator {
  readonly #time: VirtualTime;
  readonly #random: Random;
  #holder: string | undefined;
  /** When the lease ends, or has ended. */
  #endMs = 0;
  #awayUntilMs = 0;
  #term = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** Answers nobody for a while. */
  away(spanMs: number): void {
    this.#awayUntilMs = this.#time.nowMs + spanMs;
  }

  /** The truth: the lease is this node's, and nobody else can have it yet. */
  isHolder(nodeId: string): boolean {
    return this.#holder === nodeId && this.#time.nowMs < this.#endMs;
  }

  /** The coordinator as one process sees it. */
  for(process: VirtualProcess): Coordinator {
    const events = new TypedEvents<CoordinatorEvents>();
    let nodeId = "";
    let wanted = false;
    let patienceMs = 0;
    let certainUntilMs = 0;
    let wasHeld = false;
    const renew = () => {
      if (!wanted) return;
      const askedMs = process.nowMs();
      this.#ask(process, nodeId, patienceMs, (given) => {
        if (given && wanted) {
          certainUntilMs = askedMs + LEASE_MS;
          if (!wasHeld) {
            wasHeld = true;
            events.emit("acquired", { term: this.#term });
          }
        }
      });
      process.after(RENEW_MS, renew);
    };
    const watch = () => {
      if (wasHeld && process.nowMs() >= certainUntilMs) {
        wasHeld = false;
        events.emit("lost", { reason: "the lease has ended" });
      }
      process.after(20, watch);
    };
    return {
      events,
      start: (id) => {
        nodeId = id;
        watch();
      },
      acquire: (patience = 0) => {
        patienceMs = patience;
        if (wanted) return;
        wanted = true;
        renew();
      },
      release: () => {
        wanted = false;
        wasHeld = false;
        certainUntilMs = 0;
        if (this.#holder === nodeId && this.#time.nowMs >= this.#awayUntilMs) {
          this.#holder = undefined;
          this.#endMs = this.#time.nowMs;
        }
        return Promise.resolve();
      },
      holds: (nowMs) => nowMs < certainUntilMs,
      close: () => Promise.resolve(),
    };
  }

  #ask(process: VirtualProcess, nodeId: string, patienceMs: number, answer: (given: boolean) => void): void {
    const delay = () => this.#random.next() * 5;
    this.#time.at(this.#time.nowMs + delay(), () => {
      const now = this.#time.nowMs;
      if (now < this.#awayUntilMs) return;
      if (this.#holder !== nodeId && now < Math.max(this.#endMs, this.#awayUntilMs) + patienceMs) return;
      if (this.#holder !== nodeId) this.#term++;
      this.#holder = nodeId;
      this.#endMs = now + LEASE_MS;
      this.#time.at(now + delay(), () => {
        process.run(() => {
          answer(true);
        });
      });
    });
  }
}

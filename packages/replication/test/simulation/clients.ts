// The clients of a run: they write at random moments to nodes that serve, and remember what they were told.

import type { Random } from "@marugoto/testing";
import type { SimNode } from "./sim-node.ts";

/** A write that was acknowledged. */
export interface Acked {
  readonly value: string;
  readonly name: string;
  readonly atMs: number;
}

export class Clients {
  /** Key that is written once → its acknowledged value, where the promise covered the acknowledgement. */
  readonly kept = new Map<string, Acked>();
  /** Increments that were acknowledged under the promise, and all that were asked for. */
  counted = 0;
  attempted = 0;
  /** Requests made, and those that were told that nobody knows. */
  requests = 0;
  unknown = 0;
  readonly #random: Random;
  readonly #nowMs: () => number;
  readonly #largeBytes: number;
  /** What cas numbers were told to clients: `key cas`. */
  readonly #told: string[] = [];
  #next = 0;

  constructor(random: Random, nowMs: () => number, largeBytes: number) {
    this.#random = random;
    this.#nowMs = nowMs;
    this.#largeBytes = largeBytes;
  }

  /** One request to a node, or now and then many at once. */
  writeTo(node: SimNode): void {
    const burst = this.#random.chance(0.1) ? 20 : 1;
    for (let i = 0; i < burst; i++) this.#ask(node);
  }

  #ask(node: SimNode): void {
    const random = this.#random;
    this.requests++;
    const choice = random.int(12);
    const shared = `s${random.int(6)}`;
    if (choice < 4) {
      const key = `k${this.#next++}`;
      const value = `${key}${"x".repeat(random.chance(0.05) ? this.#largeBytes : 3)}`;
      node.request(`set ${key} ${value}`, (answer, isKept) => {
        this.#onAnswer(answer);
        if (!answer.startsWith("STORED") || !isKept) return;
        this.kept.set(key, { value, name: node.name, atMs: this.#nowMs() });
      });
    } else if (choice < 6) {
      this.attempted++;
      node.request("incr counter", (answer, isKept) => {
        this.#onAnswer(answer);
        if (answer.startsWith("STORED") && isKept) this.counted++;
      });
    } else if (choice < 7) {
      node.request(`delete ${shared}`, this.#onAnswer);
    } else if (choice < 8) {
      node.request(`touch ${shared} ${random.int(1_000_000)}`, this.#onAnswer);
    } else if (choice < 9 && this.#told.length > 0) {
      node.request(`cas ${random.pick(this.#told)} v${this.#next++}`, this.#onAnswer);
    } else {
      node.request(`set ${shared} v${this.#next++}`, (answer) => {
        this.#onAnswer(answer);
        if (answer.startsWith("STORED")) this.#told.push(`${shared} ${answer.split(" ")[2]!}`);
      });
    }
  }

  readonly #onAnswer = (answer: string): void => {
    if (answer.includes("outcome unknown")) this.unknown++;
  };
}

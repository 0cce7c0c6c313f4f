// Virtual time: a queue of events, run one after the other. Two events of one moment run in the order in which they
// were put in, so that a seed gives the same run every time.

import type { Timers } from "../../src/environment.ts";

/** Promises that wait for each other at most, in the node and in this simulator. */
const LONGEST_CHAIN = 4;
const settled = Promise.resolve();

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class VirtualTime {
  nowMs = 0;
  #order = 0;
  /** A binary heap by (atMs, order). */
  readonly #heap: Event[] = [];

  /** Runs `task` at `atMs`; returns what cancels it. */
  at(atMs: number, task: () => void): () => void {
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run: task };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs everything up to `untilMs`, promises included, and is at that time then. */
  async runUntil(untilMs: number): Promise<void> {
    for (let steps = 0; this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs; steps++) {
      if (steps > 2_000_000) throw new Error("the simulation doesn't come to rest");
      const event = this.#pop();
      if (event.run === undefined) continue;
      this.nowMs = event.atMs;
      event.run();
      // What the event has settled goes on before the next one.
      for (let link = 0; link < LONGEST_CHAIN; link++) await settled;
    }
    this.nowMs = untilMs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

/** What runs on one process: it can be stopped, continued and killed, with everything that it was about to do. */
export class VirtualProcess implements Timers {
  readonly time: VirtualTime;
  /** Its wall clock runs this much ahead, in milliseconds. */
  skewMs: number;
  alive = true;
  #stopped = false;
  #missed: (() => void)[] = [];

  constructor(time: VirtualTime, skewMs: number) {
    this.time = time;
    this.skewMs = skewMs;
  }

  nowMs(): number {
    return this.time.nowMs;
  }

  unixMs(): number {
    return 1_700_000_000_000 + this.time.nowMs + this.skewMs;
  }

  after(afterMs: number, task: () => void): () => void {
    let cancelled = false;
    const cancel = this.time.at(this.time.nowMs + afterMs, () => {
      this.run(() => {
        if (!cancelled) task();
      });
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  defer(task: () => void): void {
    this.after(0, task);
  }

  /** Runs `task` in this process: now, when it continues, or never. */
  run(task: () => void): void {
    if (!this.alive) return;
    if (this.#stopped) this.#missed.push(task);
    else task();
  }

  stop(): void {
    this.#stopped = true;
  }

  continue(): void {
    this.#stopped = false;
    for (const task of this.#missed.splice(0)) this.run(task);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  kill(): void {
    this.alive = false;
    this.#missed = [];
  }
}

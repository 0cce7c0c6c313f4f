// Looks at deadlines, all of a pool's with one timer, and only while something waits for time to pass.

import { performance } from "node:perf_hooks";

/** Deadlines are looked at this often, in ms. */
const TICK_MS = 10;

/** A tick this late, in ms, means that the event loop stood still, and answers lie unread in the kernel. */
const LATE_MS = 50;

/** The timer stops after this many ticks without work. */
const IDLE_TICKS = 100;

export class Ticker {
  readonly #expire: (nowMs: number) => boolean;
  #timer: NodeJS.Timeout | undefined;
  #idleTicks = 0;
  #tickedAtMs = 0;
  #isClosed = false;

  /** @param expire calls what is overdue, by `performance.now()`; gives true while anything can become so */
  constructor(expire: (nowMs: number) => boolean) {
    this.#expire = expire;
  }

  /** Something waits. */
  wake(): void {
    this.#idleTicks = 0;
    if (this.#timer === undefined) this.#start();
  }

  /** Ticks no more, whatever comes. */
  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#tickedAtMs = performance.now();
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    // Sockets keep the process alive, deadlines don't.
    this.#timer.unref();
  }

  #tick(): void {
    const now = performance.now();
    const lateMs = now - this.#tickedAtMs - TICK_MS;
    this.#tickedAtMs = now;
    if (lateMs < LATE_MS) this.#look(now);
    // Timers come before reads: whoever answered in time must not be found too late because this process was busy.
    else setImmediate(() => this.#look(now));
  }

  #look(now: number): void {
    this.#idleTicks = this.#expire(now) ? 0 : this.#idleTicks + 1;
    if (this.#idleTicks > IDLE_TICKS) this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

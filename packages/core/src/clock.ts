// One coarse clock for everything that expires: whole seconds, moved by one timer, injectable. Reading it is reading
// a field, so the hot path never asks the system for the time.

/** What a cache reads of a clock. */
export interface Clock {
  /** Whole seconds since second 0 of this clock. Never goes back. */
  readonly seconds: number;
  /** Unix time, in seconds, of second 0. */
  readonly startedAtUnix: number;
}

/** The first second of a fresh clock: memcached's uptime begins here too, so that "a time before the start" exists. */
export const FIRST_SECOND = 2;

/** The wall clock, read once a second. Call `start()` to have it tick by itself and `stop()` when done. */
export class SystemClock implements Clock {
  seconds = FIRST_SECOND;
  readonly startedAtUnix: number;
  #startedAtMs: number;
  #pausedAt: number | undefined;
  #shiftSec = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<(seconds: number) => void>();

  constructor() {
    this.#startedAtMs = performance.now() - FIRST_SECOND * 1000;
    this.startedAtUnix = Math.floor(Date.now() / 1000) - FIRST_SECOND;
  }

  /** Reads the system's monotonic clock and moves `seconds`; returns it. */
  tick(): number {
    const real = this.#pausedAt ?? Math.floor((performance.now() - this.#startedAtMs) / 1000);
    const seconds = real + this.#shiftSec;
    if (seconds !== this.seconds) {
      this.seconds = seconds;
      for (const listener of this.#listeners) listener(seconds);
    }
    return seconds;
  }

  /** Calls `listener` each time `seconds` has changed; returns the function that ends that. */
  onTick(listener: (seconds: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts ticking, aligned to the clock's own seconds. The timer doesn't keep the process alive. */
  start(): void {
    if (this.#timer) return;
    const next = () => {
      this.tick();
      const late = (performance.now() - this.#startedAtMs) % 1000;
      this.#timer = setTimeout(next, 1000 - late + 1);
      this.#timer.unref();
    };
    next();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  // ---- for memcached's `debugtime`: tests move time instead of waiting ----

  /** Moves the clock by `seconds`; a negative number takes it back, which only tests may want. */
  shift(seconds: number): void {
    this.#shiftSec += seconds;
    this.tick();
  }

  pause(): void {
    this.#pausedAt ??= Math.floor((performance.now() - this.#startedAtMs) / 1000);
  }

  resume(): void {
    this.#pausedAt = undefined;
    this.tick();
  }
}

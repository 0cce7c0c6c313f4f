// A clock that a test moves by hand: core's Clock for what expires, and timers for what waits. Real time plays no part.

import { FIRST_SECOND, type Clock } from "@marugoto/core";

interface Timer {
  readonly id: number;
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * A Clock that stands still until `advance` moves it.
 *
 * `onTick`, `start`, `stop`, `shift`, `pause` and `resume` are those of core's SystemClock, so that it can stand in
 * wherever one is taken.
 */
export class FakeClock implements Clock {
  readonly startedAtUnix: number;
  #nowMs = FIRST_SECOND * 1000;
  #nextTimer = 1;
  #timers: Timer[] = [];
  readonly #listeners = new Set<(seconds: number) => void>();

  /** @param startedAtUnix Unix time, in seconds, of second 0; 2001-09-09 01:46:40 UTC when nothing is said */
  constructor(startedAtUnix = 1_000_000_000) {
    this.startedAtUnix = startedAtUnix;
  }

  get seconds(): number {
    return Math.floor(this.#nowMs / 1000);
  }

  /** Milliseconds since second 0. */
  get milliseconds(): number {
    return this.#nowMs;
  }

  /** Moves time on by `seconds` (fractions allowed) and runs, in their order, the timers that fall due on the way. */
  advance(seconds: number): void {
    this.advanceMs(seconds * 1000);
  }

  /** The same in milliseconds. Timers that a timer sets are run too when they fall due within the span. */
  advanceMs(milliseconds: number): void {
    if (milliseconds < 0) throw new TypeError("a clock goes back by shift(), not by advance()");
    const end = this.#nowMs + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= end).sort((a, b) => a.atMs - b.atMs || a.id - b.id)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#moveTo(Math.max(due.atMs, this.#nowMs));
      due.run();
    }
    this.#moveTo(end);
  }

  // ---- timers ----

  /** Runs `callback` once, `afterMs` milliseconds from now; returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, afterMs: number): number {
    const id = this.#nextTimer++;
    this.#timers.push({ id, atMs: this.#nowMs + Math.max(0, afterMs), run: callback });
    return id;
  }

  clearTimeout(id: number): void {
    this.#timers = this.#timers.filter((timer) => timer.id !== id);
  }

  /** Timers that have not run yet. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  // ---- the rest of SystemClock ----

  onTick(listener: (seconds: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tick(): number {
    return this.seconds;
  }

  /** Moves the clock by `seconds`, back too, without running timers. */
  shift(seconds: number): void {
    this.#moveTo(this.#nowMs + seconds * 1000);
  }

  start(): void {
    // Time moves by advance() alone.
  }

  stop(): void {
    // Time moves by advance() alone.
  }

  pause(): void {
    // It always stands still.
  }

  resume(): void {
    // It always stands still.
  }

  #moveTo(milliseconds: number): void {
    const before = this.seconds;
    this.#nowMs = milliseconds;
    if (this.seconds !== before) for (const listener of this.#listeners) listener(this.seconds);
  }
}

// What a run of a replication soak found, beside what was wanted: the rows of its table. And what says whether a moment
// may be judged at all.

import { quantile } from "../../measure/statistics.ts";
import { grouped } from "../../measure/table.ts";

export const HEAD = ["measure", "found", "wanted", "held"] as const;

/** A row that holds or does not. */
export function judged(measure: string, found: string | number, wanted: string, held: boolean): string[] {
  return [measure, shown(found), wanted, held ? "yes" : "no"];
}

/** A row that is only told. */
export function told(measure: string, found: string | number): string[] {
  return [measure, shown(found), "", ""];
}

/** A count that must be 0. */
export function none(measure: string, count: number): string[] {
  return judged(measure, count, "0", count === 0);
}

/** True when no row has failed. */
export function allHeld(rows: readonly (readonly string[])[]): boolean {
  return rows.every((row) => row.at(-1) !== "no");
}

/** `1.2 / 3.4 / 5.6 ms`: median, 95th of 100, greatest. */
export function times(milliseconds: readonly number[]): string {
  if (milliseconds.length === 0) return "none";
  const at = (q: number) => quantile(milliseconds, q).toFixed(1);
  return `${at(0.5)} / ${at(0.95)} / ${at(1)} ms`;
}

function shown(found: string | number): string {
  return typeof found === "number" ? grouped(found) : found;
}

/** A timer of 1 ms that is late by more than this makes what was timed meanwhile void. */
const LATE_MS = 20;

/** Watches how late timers are in this process: on a machine that stands still nothing can be timed. */
export class Lateness {
  #last = performance.now();
  #worst = 0;
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#worst = Math.max(this.#worst, now - this.#last - 1);
    this.#last = now;
  }, 1);

  /** Begins a moment. */
  begin(): void {
    this.#last = performance.now();
    this.#worst = 0;
  }

  /** Was it too late in the moment that has just ended? */
  get isVoid(): boolean {
    return Math.max(this.#worst, performance.now() - this.#last - 1) > LATE_MS;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

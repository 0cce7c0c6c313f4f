// Time of the system, for a node in a process of its own. Timers don't keep the process alive: its listeners do.

import type { Timers } from "../environment.ts";

export class SystemTimers implements Timers {
  /** Fixed at the start, so that a step of the system's clock changes nothing here. */
  readonly #origin = Date.now() - performance.now();

  nowMs(): number {
    return performance.now();
  }

  unixMs(): number {
    return this.#origin + performance.now();
  }

  after(afterMs: number, task: () => void): () => void {
    const timer = setTimeout(task, afterMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  }

  defer(task: () => void): void {
    setImmediate(task);
  }
}

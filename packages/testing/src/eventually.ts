// Waiting for a condition with a bound, in place of sleeping. A test that sleeps is slow on a fast machine and wrong on
// a slow one.

import { setTimeout as sleep } from "node:timers/promises";
import { CacheError } from "@marugoto/core";

export interface EventuallyOptions {
  /** How long to keep trying, in milliseconds. Default 5000. */
  withinMs?: number;
  /** Pause between two tries, in milliseconds. Default 5. */
  everyMs?: number;
}

/**
 * Calls `attempt` until it neither throws nor gives `false` or `undefined`, and returns what it gave.
 *
 * @throws CacheError `timeout` after `withinMs`; its cause is what the last attempt threw
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const { withinMs = 5000, everyMs = 5 } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await attempt();
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) {
      const reason = failure instanceof Error ? `: ${failure.message}` : "";
      throw new CacheError("timeout", `not so within ${withinMs} ms${reason}`, { cause: failure });
    }
    await sleep(everyMs);
  }
}

/**
 * Gives what `promise` gives, or fails when that takes longer than `withinMs` milliseconds.
 *
 * @param what ends the sentence "… within n ms", e.g. "the server did not end"
 * @throws CacheError `timeout`
 */
export async function within<T>(withinMs: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new CacheError("timeout", `${what} within ${withinMs} ms`));
    }, withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

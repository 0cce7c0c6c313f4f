// When and how the process ends: INT and TERM at once, USR1 and `shutdown graceful` after the clients have had their
// answers, always with exit code 0.

import type { Server } from "@marugoto/server";
import { reason, say } from "./log.ts";

/** After INT or TERM the process is gone within a second, whatever clients do. */
const AT_ONCE_MS = 300;
const LAST_MS = 900;

/** How long clients may take after a graceful request. */
const GRACEFUL_MS = 5000;

/**
 * Ends the process on a signal or the `shutdown` command.
 *
 * @param atEnd run just before the end, in order; may be added to later
 */
export function endOnSignals(server: Server, atEnd: readonly (() => void)[]): void {
  const exit = () => {
    for (const action of atEnd) action();
    process.exit(0);
  };
  const end = (graceMs: number, lastMs: number) => {
    setTimeout(exit, lastMs);
    server.close({ graceMs }).then(exit, (error: unknown) => {
      say(`closing: ${reason(error)}`);
      exit();
    });
  };
  let ending = false;
  const now = () => {
    // A second INT, or INT after USR1, hurries the first along: the timers are its own.
    ending = true;
    end(AT_ONCE_MS, LAST_MS);
  };
  const gracefully = () => {
    if (!ending) end(GRACEFUL_MS, GRACEFUL_MS + LAST_MS);
    ending = true;
  };
  process.on("SIGINT", now);
  process.on("SIGTERM", now);
  process.on("SIGUSR1", gracefully);
  // memcached re-reads its files on HUP; there are none here, and a closed terminal must not end a cache.
  process.on("SIGHUP", () => undefined);
  server.events.on("shutdown", ({ graceful }) => {
    if (graceful) gracefully();
    else now();
  });
}

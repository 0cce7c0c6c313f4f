// What signals do: INT and TERM end the process with code 0 within a second, HUP reloads, TTIN and TTOU turn the log up and
// down as in nutcracker.

import type { Proxy } from "@marugoto/proxy";
import type { LiveConfig } from "./live-config.ts";
import { Level, reason, say, type Log } from "./log.ts";

/** Clients get the answers to what they have asked, for so long; after `LAST_MS` the process is gone in any case. */
const GRACE_MS = 300;
const LAST_MS = 900;

/**
 * Ends the process on INT and TERM.
 *
 * @param atEnd run just before the end, in order; may be added to later
 */
export function endOnSignals(proxy: Proxy, atEnd: readonly (() => void)[]): void {
  const exit = () => {
    for (const action of atEnd) action();
    process.exit(0);
  };
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    setTimeout(exit, LAST_MS);
    proxy.close({ graceMs: GRACE_MS }).then(exit, (error: unknown) => {
      say(`closing: ${reason(error)}`);
      exit();
    });
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
}

/** HUP opens the log anew and reloads the configuration, changed or not. */
export function reloadOnSignals(live: LiveConfig, log: Log): void {
  process.on("SIGHUP", () => {
    try {
      log.reopen();
    } catch (error) {
      log.write(Level.error, "log-not-reopened", { reason: error });
    }
    void live.reload("SIGHUP", true);
  });
  process.on("SIGTTIN", () => {
    log.turn(1);
  });
  process.on("SIGTTOU", () => {
    log.turn(-1);
  });
  // nutcracker leaves it without effect, and scripts send it.
  process.on("SIGUSR1", () => undefined);
}

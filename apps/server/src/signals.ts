// When and how the process ends: INT and TERM at once, or after the handover where a replica is to go on; USR1 and
// `shutdown graceful` after the clients have had their answers; always with exit code 0.

import { constants } from "node:os";
import type { Replication } from "@marugoto/replication";
import type { Server } from "@marugoto/server";
import { reason, say } from "./log.ts";

/** After INT or TERM the process is gone within a second, whatever clients do. */
const AT_ONCE_MS = 300;
const LAST_MS = 900;

/** A node with a replica is gone within five: this is the replica's time to take over. */
const HANDOVER_MS = 4000;

/** How long clients may take after a graceful request. */
const GRACEFUL_MS = 5000;

export interface Ending {
  readonly server: Server;
  /** undefined = this server has no replicas. */
  readonly replication: Replication | undefined;
  /** Run just before the end, in order; may be added to later. */
  readonly atEnd: readonly (() => void)[];
  /** `-v` counted. */
  readonly verbosity: number;
}

/**
 * Ends the process on a signal or the `shutdown` command.
 *
 * @returns a way to wait for the start of something that the end may forestall: false = the process is ending
 */
export function endOnSignals({ server, replication, atEnd, verbosity }: Ending): {
  readonly orDone: (start: Promise<void>) => Promise<boolean>;
} {
  let isEnding = false;
  let isHurried = false;
  const exit = () => {
    for (const action of atEnd) action();
    if (replication !== undefined && verbosity > 0) say("replication: cleanup complete");
    process.exit(0);
  };
  const end = (graceMs: number, lastMs: number) => {
    setTimeout(exit, lastMs);
    // The links last: what clients have asked for may be with the new master, and its answers still to come.
    server
      .close({ graceMs })
      .then(() => replication?.close())
      .then(exit, (error: unknown) => {
        say(`closing: ${reason(error)}`);
        exit();
      });
  };
  const handOver = async () => {
    if (replication === undefined) return;
    try {
      await replication.handover({ withinMs: HANDOVER_MS });
    } catch (error) {
      say(`handover: ${reason(error)}`);
    }
  };
  const now = () => {
    // A second INT, or INT after USR1, hurries the first along: the timers are its own.
    if (isEnding) {
      if (!isHurried) end(AT_ONCE_MS, LAST_MS);
      isHurried = true;
      return;
    }
    isEnding = true;
    void handOver().then(() => {
      end(AT_ONCE_MS, LAST_MS);
    });
  };
  const gracefully = () => {
    if (isEnding) return;
    isEnding = true;
    void handOver().then(() => {
      end(GRACEFUL_MS, GRACEFUL_MS + LAST_MS);
    });
  };
  const signalled = (signal: "SIGINT" | "SIGTERM", act: () => void) => {
    process.on(signal, () => {
      if (replication !== undefined && verbosity > 0) say(`got signal ${constants.signals[signal]}`);
      act();
    });
  };
  signalled("SIGINT", now);
  signalled("SIGTERM", now);
  process.on("SIGUSR1", gracefully);
  // memcached re-reads its files on HUP; there are none here, and a closed terminal must not end a cache.
  process.on("SIGHUP", () => undefined);
  server.events.on("shutdown", ({ graceful }) => {
    if (graceful) gracefully();
    else now();
  });
  return {
    orDone: async (start) => {
      try {
        await start;
        return !isEnding;
      } catch (error) {
        if (isEnding) return false;
        throw error;
      }
    },
  };
}

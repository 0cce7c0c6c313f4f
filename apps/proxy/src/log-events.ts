// How the proxy's events read in the log, and at which level.

import { formatEndpoint } from "@marugoto/core";
import type { Proxy, ProxyEvents } from "@marugoto/proxy";
import { Level, type Log } from "./log.ts";

type Entry<Name extends keyof ProxyEvents> = readonly [
  level: number,
  event: string,
  fields: (event: ProxyEvents[Name]) => Readonly<Record<string, unknown>>,
];

/** Every event; one that is missing here does not compile. */
const entries: { readonly [Name in keyof ProxyEvents]: Entry<Name> } = {
  listening: [Level.notice, "listening", ({ pool, endpoint }) => ({ pool, endpoint: formatEndpoint(endpoint) })],
  clientRejected: [Level.info, "client-rejected", (event) => event],
  serverOut: [
    Level.warning,
    "server-out",
    ({ pool, server, error }) => ({ pool, server, code: error.code, reason: error.message }),
  ],
  switched: [
    Level.warning,
    "server-switched",
    ({ pool, server, address, why }) => ({ pool, server, address, reason: why }),
  ],
  serverBack: [Level.notice, "server-back", (event) => event],
  rejoinFailed: [
    Level.warning,
    "rejoin-failed",
    ({ pool, server, error }) => ({ pool, server, code: error.code, reason: error.message }),
  ],
  fenceFull: [Level.warning, "fence-full", (event) => event],
  ledgerOpened: [Level.notice, "ledger-opened", (event) => ({ ...event })],
  ledgerFollowed: [Level.notice, "ledger-followed", (event) => ({ ...event })],
  ledgerDiffers: [Level.warning, "ledger-differs", (event) => ({ ...event })],
  ledgerClosed: [
    Level.notice,
    "ledger-closed",
    ({ pool, server, epoch, keys, isWarm }) => ({ pool, server, epoch, keys, warm: isWarm }),
  ],
  reloaded: [
    Level.notice,
    "reloaded",
    ({ why, added, kept, removed }) => ({ why, added: listed(added), kept: listed(kept), removed: listed(removed) }),
  ],
  error: [Level.error, "error", ({ what, error }) => ({ what, reason: error })],
};

/** Undefined for none, so that the log leaves it out. */
function listed(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names;
}

/** Writes every event of `proxy` to the log. */
export function logEvents(events: Proxy["events"], log: Log): void {
  for (const name of Object.keys(entries) as (keyof ProxyEvents)[]) {
    // The table's type pairs each name with its event; a loop over the names forgets that.
    const [level, text, fields] = entries[name] as Entry<never>;
    events.on(name, (event) => {
      log.write(level, text, fields(event as never));
    });
  }
}

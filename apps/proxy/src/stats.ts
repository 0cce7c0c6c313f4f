// The stats port of the command line: nutcracker's port and fields.

import { hostname } from "node:os";
import { formatEndpoint, isCacheError } from "@marugoto/core";
import { StatsPort, toNutcrackerJson, type ProxyStatsSource } from "@marugoto/proxy";
import { Level, say, type Log } from "./log.ts";
import { DEFAULT_STATS_PORT, type Settings } from "./settings.ts";
import { VERSION } from "./version.ts";

/**
 * Opens the port that was asked for.
 *
 * @returns the port, or undefined when there is none: not wanted, or nutcracker's default port is taken, say by another
 * proxy of this machine, and nobody has asked for it by -s
 * @throws CacheError `address_in_use`, `listen_failed`
 */
export async function openStats(
  { statsPort, statsHost }: Settings,
  source: ProxyStatsSource,
  log: Log,
): Promise<StatsPort | undefined> {
  if (statsPort === 0) return undefined;
  const port = new StatsPort(() =>
    toNutcrackerJson(source.read(), {
      source: hostname(),
      version: VERSION,
      timestampSec: Math.floor(Date.now() / 1000),
    }),
  );
  try {
    const endpoint = await port.listen(statsHost, Math.max(statsPort ?? DEFAULT_STATS_PORT, 0));
    say(`statistics on ${formatEndpoint(endpoint)}`);
    return port;
  } catch (error) {
    if (statsPort !== undefined || !isCacheError(error) || error.code !== "address_in_use") throw error;
    log.write(Level.warning, "no-statistics", { reason: error });
    return undefined;
  }
}

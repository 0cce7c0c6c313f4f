// The file that MEMCACHED_PORT_FILENAME names: memcached's means to tell which ports it took, with a row per pool.

import { renameSync, writeFileSync } from "node:fs";
import type { Endpoint } from "@marugoto/core";

/**
 * Writes rows such as `TCP INET: 22121`. The file appears under its name only when it is complete.
 *
 * @throws Error when it can't be written
 */
export function writePortFile(path: string, endpoints: readonly Endpoint[]): void {
  const rows = endpoints.map((endpoint) =>
    endpoint.kind === "unix" ? "" : `TCP ${endpoint.host.includes(":") ? "INET6" : "INET"}: ${endpoint.port}\n`,
  );
  writeFileSync(`${path}.lck`, rows.join(""));
  renameSync(`${path}.lck`, path);
}

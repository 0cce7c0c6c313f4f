// The file that MEMCACHED_PORT_FILENAME names: memcached's means to tell which ports it took.

import { renameSync, writeFileSync } from "node:fs";
import type { Endpoint } from "@marugoto/core";

/**
 * Writes one row per port, e.g. `TCP INET: 11211`. The file appears under its name only when it is complete.
 *
 * @throws Error when it can't be written
 */
export function writePortFile(path: string, tcp: readonly Endpoint[], udp: readonly Endpoint[]): void {
  const rows = [...tcp.map((endpoint) => row("TCP", endpoint)), ...udp.map((endpoint) => row("UDP", endpoint))];
  writeFileSync(`${path}.lck`, rows.join(""));
  renameSync(`${path}.lck`, path);
}

function row(transport: string, endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return "";
  return `${transport} ${endpoint.host.includes(":") ? "INET6" : "INET"}: ${endpoint.port}\n`;
}

// Tells other programs that this one is ready, and where: the port file and the pid file.

import type { Endpoint } from "@marugoto/core";
import { writePidFile } from "./pid-file.ts";
import { writePortFile } from "./port-file.ts";
import type { Settings } from "./settings.ts";
import { takeUdpPorts } from "./udp-port.ts";

/**
 * Writes what is asked for, once the server listens at `endpoints`.
 *
 * @returns the function that takes back what must not outlive the process
 */
export async function announce(settings: Settings, endpoints: readonly Endpoint[]): Promise<() => void> {
  const hosts = new Set(endpoints.flatMap((endpoint) => (endpoint.kind === "tcp" ? [endpoint.host] : [])));
  const udp = settings.socketPath === undefined ? await takeUdpPorts(settings.udpPort, [...hosts]) : [];
  const portFile = process.env.MEMCACHED_PORT_FILENAME;
  if (portFile !== undefined && portFile !== "") writePortFile(portFile, endpoints, udp);
  return settings.pidFile === undefined ? () => undefined : writePidFile(settings.pidFile);
}

// Takes UDP ports and answers nothing. memcached's own tests look at which ports its flags open, and nothing else does:
// only they get here (-o relaxed_privileges), everybody else is told that UDP is not supported.

import { createSocket } from "node:dgram";
import type { Endpoint } from "@marugoto/core";

/**
 * @param port as in -U: -1 = any free one, 0 = none
 * @param hosts addresses to take it on
 * @returns where it was taken
 */
export async function takeUdpPorts(port: number, hosts: readonly string[]): Promise<Endpoint[]> {
  if (port === 0) return [];
  const taken = hosts.map(async (host): Promise<Endpoint> => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4").unref();
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(Math.max(port, 0), host, resolve);
    });
    return { kind: "tcp", host, port: socket.address().port };
  });
  return Promise.all(taken);
}

// What a pool's server is to PHP's classes: the host and port that they hash. Dialling is not its affair.

import { DEFAULT_PORT } from "@marugoto/core";
import type { PoolServer } from "./failover.ts";

/** A server as addServer is told of it. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Takes `host:port` apart at its last colon. A host alone has port 11211; a path has port 0.
 *
 * @param name as PHP's configuration writes it: `10.0.0.1:11211`, `[::1]:11211`, `/run/a.sock`, `unix:///run/a.sock`
 */
export function toHostAndPort(name: string): HostAndPort {
  if (name.startsWith("/")) return { host: name, port: 0 };
  if (name.startsWith("unix://")) return { host: name.replace(/:0$/, ""), port: 0 };
  const match = /^(.+):(\d+)$/.exec(name);
  // Two colons and no bracket: an IPv6 address without a port.
  if (!match || /^[^[]*:.*:/.test(name)) return { host: name, port: DEFAULT_PORT };
  return { host: match[1]!, port: Number(match[2]) };
}

/** Same name, same address: what is known of it stays known. */
export function isSameServer(a: PoolServer, b: PoolServer): boolean {
  return a === b || (a.name === b.name && JSON.stringify(a.endpoint) === JSON.stringify(b.endpoint));
}

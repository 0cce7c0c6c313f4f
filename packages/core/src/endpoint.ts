// Where a server listens or is reached: TCP host and port, or a Unix socket.

import { CacheError } from "./errors.ts";

export type Endpoint =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/**
 * Parses `host`, `host:port`, `[v6]:port`, a bare IPv6 address, `unix:///path`, `unix:/path` or `/path`.
 *
 * @param defaultPort the port where the text names none
 * @throws CacheError `invalid_endpoint`
 */
export function parseEndpoint(text: string, defaultPort: number): Endpoint {
  const path = /^(?:unix:(?:\/\/)?)?(\/.*)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? /^([^:\s]+)(?::(\d+))?$/.exec(text);
  if (!match) {
    // More than one colon and no brackets: an IPv6 address without a port.
    if (/^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?$/i.test(text))
      return { kind: "tcp", host: text, port: defaultPort };
    throw new CacheError("invalid_endpoint", `"${text}" is not an address; write host:port, [ipv6]:port or /path`);
  }
  const port = match[2] === undefined ? defaultPort : Number(match[2]);
  if (port > 65535) throw new CacheError("invalid_endpoint", `"${text}": port is ${port}, at most 65535`);
  return { kind: "tcp", host: match[1] ?? "", port };
}

/** `host:port`, `[v6]:port` or the path. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return endpoint.path;
  return endpoint.host.includes(":") ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

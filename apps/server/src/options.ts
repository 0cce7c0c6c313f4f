// From the settings of the command line to the options of a server.

import { parseEndpoint, type Endpoint } from "@marugoto/core";
import type { ListenerOptions, ServerOptions } from "@marugoto/server";
import { wrong } from "./flag-table.ts";
import { FALLBACK_PORT, type Settings } from "./settings.ts";
import { PROTOCOL_VERSION } from "./version.ts";

const LOOPBACK = "127.0.0.1";

/** What the command line makes of a server. @throws CacheError that names the flag */
export function toServerOptions(settings: Settings): Partial<ServerOptions> {
  const { threads } = settings;
  return {
    ...settings.server,
    listeners: toListeners(settings),
    memoryBytes: settings.memoryBytes,
    maxItemBytes: settings.maxItemBytes,
    verbosity: settings.verbosity,
    version: PROTOCOL_VERSION,
    warmUp: true,
    ...(threads === undefined ? {} : { threads }),
    bindingProtocol: settings.protocol,
    settings: settings.udpPort === 0 ? {} : { udpport: String(settings.udpPort) },
  };
}

/** The TCP port asked for: -1 = any free one, 0 = none. As in memcached, -U alone names it too. */
function tcpPort({ port, udpPort }: Settings): number {
  return port ?? (udpPort === 0 ? FALLBACK_PORT : udpPort);
}

function toListeners(settings: Settings): ListenerOptions[] {
  const { socketPath, socketMode, listen } = settings;
  if (socketPath !== undefined) return [{ kind: "unix", path: socketPath, mode: socketMode }];
  const port = tcpPort(settings);
  if (port === 0) return [];
  return (listen.length > 0 ? listen : [LOOPBACK]).map((text) => {
    const endpoint = toEndpoint(text, Math.max(port, 0));
    if (endpoint?.kind !== "tcp") throw wrong(`-l is ${text}, must be host, host:port or [ipv6]:port`);
    return endpoint;
  });
}

function toEndpoint(text: string, port: number): Endpoint | undefined {
  try {
    return parseEndpoint(text, port);
  } catch {
    return undefined; // The caller says it with the flag's name.
  }
}

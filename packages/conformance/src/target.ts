// The servers that cases run against: our own, our proxy before it, a real memcached, or one that is running somewhere. Each tells which
// dialect it is measured by.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_PORT, formatEndpoint, parseEndpoint, type Endpoint } from "@marugoto/core";
import {
  appCommand,
  connect,
  memcachedVersion,
  spawnMarugotoServer,
  spawnMemcached,
  spawnServer,
  temporaryFolder,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import type { Dialect } from "./case.ts";

export interface Target {
  /** For people: `memcached 1.6.18`. */
  readonly name: string;
  readonly dialect: Dialect;
  /** The flags it was started with, as cases name them. */
  readonly flags: readonly string[];
  /** It was running before and may serve others. */
  readonly shared: boolean;
  readonly endpoint: Endpoint;
  /** Its process id, where it was started here. */
  readonly pid?: number;
  connect(): Promise<TestConnection>;
  /** Undefined while it runs; else how it ended and what it said last. Of a server that was running: always undefined. */
  obituary(): string | undefined;
  close(): Promise<void>;
}

/** Starts our server with `flags`. */
export async function marugotoTarget(flags: readonly string[] = []): Promise<Target> {
  const server = await spawnMarugotoServer({ args: flags });
  return started("marugoto-server", "marugoto", flags, server);
}

/** Starts our proxy before one server, ours unless another is given; the server ends with it. */
export async function proxyTarget(server?: Target): Promise<Target> {
  const behind = server ?? (await marugotoTarget());
  const folder = temporaryFolder();
  const file = join(folder.path, "proxy.yml");
  const app = appCommand("proxy");
  const config = [
    "pool:",
    "  listen: 127.0.0.1:0",
    "  flush_all: true",
    `  servers: ["${formatEndpoint(behind.endpoint)}"]`,
  ];
  writeFileSync(file, config.join("\n"));
  const args = [...app.args, "-c", file, "-s", "0"];
  const proxy = started(
    `marugoto-proxy before ${behind.name}`,
    "proxy",
    [],
    await spawnServer({ command: app.command, args, ready: "port-file" }),
  );
  return {
    ...proxy,
    obituary: () => proxy.obituary() ?? behind.obituary(),
    async close() {
      await proxy.close();
      await behind.close();
      folder.remove();
    },
  };
}

/** Starts the installed memcached (or the one MEMCACHED_BIN names) with `flags`. */
export async function memcachedTarget(flags: readonly string[] = [], binary?: string): Promise<Target> {
  const version = memcachedVersion(binary);
  const server = await spawnMemcached({ args: flags, ...(binary === undefined ? {} : { binary }) });
  return started(`memcached ${version}`, toDialect(version), flags, server);
}

/** A server that is running at `address` (`host:port` or the path of a Unix socket); it is asked for its version. */
export async function runningTarget(address: string): Promise<Target> {
  const endpoint = parseEndpoint(address, DEFAULT_PORT);
  const connection = await connect(endpoint);
  try {
    const version = (await connection.ask("version")).replace(/^VERSION /, "");
    return {
      name: `${address} (${version})`,
      dialect: toDialect(version),
      flags: [],
      shared: true,
      endpoint,
      connect: () => connect(endpoint),
      obituary: () => undefined,
      close: () => Promise.resolve(),
    };
  } finally {
    await connection.close();
  }
}

/**
 * The dialect of a version text, e.g. `1.6.18` or `1.6.45-marugoto.0.1.0`.
 *
 * @throws Error for a version that is neither ours nor like memcached's
 */
export function toDialect(version: string): Dialect {
  if (version.includes("marugoto-proxy")) return "proxy";
  if (version.includes("marugoto")) return "marugoto";
  const numbers = /^\d+\.\d+\.\d+/.exec(version)?.[0];
  if (numbers === undefined) throw new Error(`"${version}" is not a version of memcached`);
  return numbers as Dialect;
}

function started(name: string, dialect: Dialect, flags: readonly string[], server: ServerProcess): Target {
  return {
    name,
    dialect,
    flags,
    shared: false,
    endpoint: server.endpoint,
    pid: server.pid,
    connect: () => connect(server.endpoint),
    obituary: () => (server.alive ? undefined : `${name} has ended\n${server.stderr}`.trim()),
    close: () => server.close(),
  };
}

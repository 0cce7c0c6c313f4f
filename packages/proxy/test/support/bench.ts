// A proxy in this process with real servers behind it, and what is asked of it: everything is closed by `opened`.

import type { Cleanup, ServerProcess, TestConnection } from "@marugoto/testing";
import { connect, spawnMarugotoServer, startFaultProxy, type FaultProxy } from "@marugoto/testing";
import type { PoolConfig } from "../../src/config/types.ts";
import { createProxy, type Proxy } from "../../src/proxy.ts";
import { poolConfig, proxyConfig, serverConfig } from "./config.ts";

/** A server, and the fault proxy through which the proxy under test reaches it. */
export interface FaultyServer {
  readonly server: ServerProcess;
  readonly fault: FaultProxy;
}

/** Starts our server. */
export async function startServer(opened: Cleanup): Promise<ServerProcess> {
  return opened.add(await spawnMarugotoServer());
}

/** Starts our server behind a fault proxy. */
export async function startFaultyServer(opened: Cleanup): Promise<FaultyServer> {
  const server = await startServer(opened);
  const fault = opened.add(await startFaultProxy(server.port));
  return { server, fault };
}

/** Servers `s0`, `s1` … at these ports. */
export function named(...ports: readonly number[]): ReturnType<typeof serverConfig>[] {
  return ports.map((port, index) => serverConfig(port, { name: `s${index}`, alias: `s${index}` }));
}

/** A proxy that listens, and its port. */
export interface RunningProxy {
  readonly proxy: Proxy;
  readonly port: number;
}

/** Starts a proxy with one pool. */
export async function startProxy(
  opened: Cleanup,
  servers: readonly ReturnType<typeof serverConfig>[],
  overrides: Partial<PoolConfig> = {},
): Promise<RunningProxy> {
  const proxy = createProxy(proxyConfig(poolConfig(servers, overrides)));
  const [endpoint] = await proxy.listen();
  opened.defer(() => proxy.close({ graceMs: 0 }));
  if (endpoint?.kind !== "tcp") throw new TypeError("the proxy has no port");
  return { proxy, port: endpoint.port };
}

/** A client of a port. */
export async function client(opened: Cleanup, port: number): Promise<TestConnection> {
  return opened.add(await connect(port));
}

/** Sends a get and reads to its end: the value, undefined for a miss, or the line of an error. */
export async function get(connection: TestConnection, key: string, withinMs?: number): Promise<string | undefined> {
  connection.send(`get ${key}\r\n`);
  const text = await connection.readUntil(/^(END|VALUE [^]*?\r\nEND|(?:SERVER_|CLIENT_)?ERROR[^\r]*)\r\n/, withinMs);
  if (text === "END\r\n") return undefined;
  if (!text.startsWith("VALUE ")) return text.trimEnd();
  return text.slice(text.indexOf("\n") + 1, -"\r\nEND\r\n".length);
}

/** Sends a set and reads its answer. */
export async function set(connection: TestConnection, key: string, value: string, exptime = 0): Promise<string> {
  return connection.ask(`set ${key} 0 ${exptime} ${value.length}\r\n${value}`);
}

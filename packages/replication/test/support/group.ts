// Nodes in this process: a server each, links over real sockets on 127.0.0.1, clients over real sockets too.

import { Cleanup, connect, eventually, type TestConnection } from "@marugoto/testing";
import { createServer, type Server, type ServerOptions } from "@marugoto/server";
import type { Endpoint } from "@marugoto/core";
import { expect } from "vitest";
import { AttachedReplication, type ReplicationMeans } from "../../src/attach.ts";
import type { ReplicationOptions, TcpEndpoint } from "../../src/index.ts";

export const loopback = (port: number): TcpEndpoint => ({ kind: "tcp", host: "127.0.0.1", port });

export interface TestNode {
  readonly replication: AttachedReplication;
  readonly server: Server;
  /** Where clients connect; once `ready`. */
  endpoint: Endpoint | undefined;
  readonly ready: Promise<void>;
  /** Port for other nodes; 0 = none. */
  readonly port: () => number;
  readonly close: () => Promise<void>;
}

export interface NodeOptions {
  readonly server?: Partial<ServerOptions>;
  readonly means?: ReplicationMeans;
}

/** Starts a node; `ready` resolves when it serves clients. */
export function startNode(
  cleanup: Cleanup,
  options: Partial<ReplicationOptions>,
  { server: serverOptions = {}, means = {} }: NodeOptions = {},
): TestNode {
  const replication = new AttachedReplication({ listen: loopback(0), ...options }, means);
  const server = createServer(
    { listeners: [{ kind: "tcp", host: "127.0.0.1", port: 0 }], memoryBytes: 16 * 1024 * 1024, ...serverOptions },
    replication.hooks,
  );
  const node: TestNode = {
    replication,
    server,
    endpoint: undefined,
    ready: replication.start(server).then(async () => {
      [node.endpoint] = await server.listen();
    }),
    port: () => replication.node!.listenPort,
    close: async () => {
      await replication.close();
      await server.close({ graceMs: 50 });
    },
  };
  node.ready.catch(() => undefined);
  cleanup.add(node);
  return node;
}

/** Waits until all who follow a node have applied everything. */
export async function inStep({ replication }: TestNode, replicas = 1): Promise<void> {
  await eventually(
    () => {
      const { downstreams, log } = replication.node!;
      const isThere = ({ inStep, acked }: { inStep: boolean; acked: number }) => inStep && acked === log.end;
      return downstreams.size >= replicas && [...downstreams].every(isThere);
    },
    { withinMs: 10_000 },
  );
}

/** A master, and a slave that has dialled it. */
export async function startPair(
  cleanup: Cleanup,
  options: Partial<ReplicationOptions> = {},
  nodeOptions: NodeOptions = {},
): Promise<[master: TestNode, slave: TestNode]> {
  const a = startNode(cleanup, options, nodeOptions);
  await a.ready;
  const b = startNode(cleanup, { ...options, peers: [loopback(a.port())] }, nodeOptions);
  await b.ready;
  await inStep(a);
  return [a, b];
}

export async function client(cleanup: Cleanup, node: TestNode): Promise<TestConnection> {
  await node.ready;
  const connection = await connect(node.endpoint!);
  cleanup.add(connection);
  return connection;
}

/** Seconds to live of an item that never expires. */
export const FOREVER = -1;

/** All items of a node, sorted by key: the item as text (key, flags, cas, marks, value), and its seconds to live. */
export function contentOf({ server }: TestNode): { readonly item: string; readonly ttl: number }[] {
  const { store, clock } = server;
  const items: { item: string; ttl: number }[] = [];
  const key = Buffer.alloc(256);
  for (let cursor = 0; cursor !== -1;) {
    cursor = store.walk(cursor, 1000, (item) => {
      const keyEnd = store.copyKey(item, key, 0);
      const value = Buffer.alloc(store.valueBytes(item));
      store.copyValue(item, value, 0);
      const expiry = store.expiry(item);
      const cas = (BigInt(store.casHigh(item)) << 32n) | BigInt(store.casLow(item));
      const marks = `${store.isStale(item) ? "X" : ""}${store.isWinSent(item) ? "Z" : ""}`;
      const shown =
        value.length > 64 ? `${value.length}:${value.subarray(0, 32).toString("latin1")}` : value.toString("latin1");
      items.push({
        item: `${key.toString("latin1", 0, keyEnd)} ${store.flags(item)} ${cas} ${marks} ${shown}`,
        ttl: expiry === 0 ? FOREVER : expiry - clock.seconds,
      });
    });
  }
  return items.sort((a, b) => (a.item < b.item ? -1 : 1));
}

/** The items of a node as text, without their expiries. */
export function digest(node: TestNode): string[] {
  return contentOf(node).map(({ item }) => item);
}

/** Two nodes hold the same, expiries to within the one second by which the seconds of two clocks may begin apart. */
export function expectSame(node: TestNode, other: TestNode, what = ""): void {
  expect(digest(node), what).toEqual(digest(other));
  const ttls = contentOf(other);
  for (const [i, { item, ttl }] of contentOf(node).entries()) {
    const expected = ttls[i]!.ttl;
    const differs = ttl === FOREVER || expected === FOREVER ? ttl !== expected : Math.abs(ttl - expected) > 1;
    if (differs) throw new Error(`${what}: ${item} has ${ttl} s to live, ${expected} s on the other node`);
  }
}

/** `stats replication` of a node, read from its rows. */
export async function status(connection: TestConnection): Promise<Map<string, string>> {
  connection.send("stats replication\r\n");
  const text = await connection.readUntil("END\r\n");
  return new Map(
    text
      .split("\r\n")
      .filter((line) => line.startsWith("STAT "))
      .map((line) => {
        const [, name, ...rest] = line.split(" ");
        return [name!, rest.join(" ")];
      }),
  );
}

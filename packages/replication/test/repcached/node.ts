// What the tests share: one of our servers that speaks repcached's wire, in this process, and a peer made of bytes.

import { createServer as createListener, type Socket } from "node:net";
import { createServer, type Server, type ServerOptions } from "@marugoto/server";
import { connect, eventually, TestConnection, type Cleanup } from "@marugoto/testing";
import { createRepcachedReplication } from "../../src/repcached/repcached-replication.ts";
import type { Replication, ReplicationOptions, Role } from "../../src/index.ts";

const loopback = (port: number) => ({ kind: "tcp", host: "127.0.0.1", port }) as const;

/** A node, its server, and what it has told. */
export interface Node {
  readonly server: Server;
  readonly replication: Replication;
  /** Fulfilled with the client port once clients are served. */
  readonly served: Promise<number>;
  /** Events as text, e.g. `role starting>master`. */
  readonly told: string[];
  readonly role: Role;
  /** Where it listens for peers, or did last; undefined = never yet. */
  readonly replicationPort: number | undefined;
  close(): Promise<void>;
}

export interface NodeOptions extends Partial<ReplicationOptions> {
  /** Replication port of the peer on 127.0.0.1. */
  readonly peerPort?: number;
  /** Own replication port; 0 = any free one, -1 = none. */
  readonly listenPort?: number;
  readonly server?: Partial<ServerOptions>;
}

export function startNode(
  opened: Cleanup,
  { peerPort, listenPort = 0, server: serverOptions, ...rest }: NodeOptions = {},
): Node {
  const replication = createRepcachedReplication({
    ...(peerPort === undefined ? {} : { peers: [loopback(peerPort)] }),
    ...(listenPort < 0 ? {} : { listen: loopback(listenPort) }),
    ...rest,
  });
  const server = createServer({ listeners: [loopback(0)], ...serverOptions }, replication.hooks);
  const told: string[] = [];
  const { events } = replication;
  events.on("dialing", () => told.push("dialing"));
  let ownPort: number | undefined;
  events.on("listening", ({ port }) => {
    ownPort = port;
    told.push("listening");
  });
  events.on("listenRefused", () => told.push("listenRefused"));
  events.on("connected", ({ direction }) => told.push(`connected ${direction}`));
  events.on("refused", ({ reason }) => told.push(`refused ${reason}`));
  events.on("unlinked", ({ reason }) => told.push(`unlinked ${reason}`));
  events.on("role", ({ from, to }) => told.push(`role ${from}>${to}`));
  events.on("copyStarted", ({ direction }) => told.push(`copy ${direction}`));
  events.on("copyEnded", ({ direction, items }) => told.push(`copied ${direction} ${items}`));
  events.on("behind", () => told.push("behind"));
  events.on("inStep", () => told.push("inStep"));
  const served = replication.start(server).then(async () => {
    const [endpoint] = await server.listen();
    return endpoint?.kind === "tcp" ? endpoint.port : 0;
  });
  // A node that is closed before it serves rejects; who waits for it sees that, nobody else has to.
  served.catch(() => undefined);
  return opened.add({
    server,
    replication,
    served,
    told,
    get role() {
      return replication.role;
    },
    get replicationPort() {
      return ownPort;
    },
    async close() {
      await replication.close();
      await server.close({ graceMs: 0 });
    },
  });
}

/** A node that listens: a master without a slave. */
export async function startMaster(opened: Cleanup, options: NodeOptions = {}) {
  const node = startNode(opened, options);
  const client = opened.add(await connect(await node.served));
  return { node, port: await eventually(() => node.replicationPort), client };
}

/** A listener that a node dials as its master; `next` gives the connections in order. */
export async function listenAsMaster(opened: Cleanup, port = 0) {
  const sockets: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const listener = createListener({ noDelay: true }, (socket) => {
    const waiter = waiting.shift();
    if (waiter === undefined) sockets.push(socket);
    else waiter(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  opened.defer(() => listener.close());
  const address = listener.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port: own,
    /** Stops accepting; open connections stay. */
    stop: () => listener.close(),
    async next(): Promise<TestConnection> {
      const socket = sockets.shift() ?? (await new Promise<Socket>((resolve) => waiting.push(resolve)));
      return opened.add(new TestConnection(socket, loopback(own)));
    },
  };
}

/** `stats replication` of a server, by name. */
export async function replicationStats(client: TestConnection): Promise<Readonly<Record<string, string>>> {
  client.send("stats replication\r\n");
  const rows = (await client.readUntil("END\r\n")).matchAll(/^STAT (\S+) (.*)\r$/gm);
  return Object.fromEntries([...rows].map(([, name, value]) => [name, value]));
}

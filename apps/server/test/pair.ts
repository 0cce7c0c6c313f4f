// Two real processes that replicate: started, asked, killed. Knows the binary's flags and nothing of what is inside.

import {
  appCommand,
  connect,
  eventually,
  freePort,
  spawnServer,
  type Cleanup,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";

const app = appCommand("server");

/** A node's places, which stay the same over its restarts: a replication port and a client port on 127.0.0.1. */
export interface NodePlace {
  readonly clientPort: number;
  readonly replicationPort: number;
}

export async function nodePlace(): Promise<NodePlace> {
  return { clientPort: await freePort(), replicationPort: await freePort() };
}

/** The flags of a node whose peer is at `peer`: the same at every start. */
export function nodeFlags(own: NodePlace, peer: NodePlace | undefined, ...more: readonly string[]): string[] {
  const named = peer === undefined ? [] : ["--peer", `127.0.0.1:${peer.replicationPort}`];
  const listen = ["--replication-listen", `127.0.0.1:${own.replicationPort}`];
  return ["-l", "127.0.0.1", "-p", String(own.clientPort), ...listen, ...named, "-v", ...more];
}

/** Starts the binary. @param waits until it serves clients; default true */
export async function startNode(opened: Cleanup, flags: readonly string[], waits = true): Promise<ServerProcess> {
  const port = Number(flags[flags.indexOf("-p") + 1]);
  const ready = waits ? ({ kind: "tcp", host: "127.0.0.1", port } as const) : "none";
  return opened.add(await spawnServer({ command: app.command, args: [...app.args, ...flags], ready }));
}

export async function stats(client: TestConnection): Promise<Readonly<Record<string, string>>> {
  client.send("stats replication\r\n");
  const rows = (await client.readUntil("END\r\n")).matchAll(/^STAT (\S+) (.*)\r$/gm);
  return Object.fromEntries([...rows].map(([, name, value]) => [name, value]));
}

/** Waits until the node has this role. @returns its `stats replication` */
export function becomes(client: TestConnection, role: string): Promise<Readonly<Record<string, string>>> {
  return eventually(async () => {
    const rows = await stats(client);
    return rows.role === role && rows;
  });
}

/** Waits until a replica of this master is in step. */
export function inStep(master: TestConnection): Promise<Readonly<Record<string, string>>> {
  return eventually(async () => {
    const rows = await stats(master);
    return rows.replicas_in_step === "1" && rows;
  });
}

/** Two linked nodes, the first of them master, with a connection to each. */
export async function startPair(opened: Cleanup, ...more: readonly string[]) {
  const places = [await nodePlace(), await nodePlace()] as const;
  const flags = [nodeFlags(places[0], places[1], ...more), nodeFlags(places[1], places[0], ...more)] as const;
  const first = await startNode(opened, flags[0]);
  const master = opened.add(await connect(places[0].clientPort));
  await becomes(master, "master");
  const second = await startNode(opened, flags[1]);
  const slave = opened.add(await connect(places[1].clientPort));
  await becomes(slave, "slave");
  await inStep(master);
  return { places, flags, first, second, master, slave };
}

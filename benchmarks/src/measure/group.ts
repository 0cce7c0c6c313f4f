// Groups of replicating servers as processes: a master and those that follow it, started on free ports, asked for
// `stats replication`, ended for certain.

import { connect, eventually, freePort, spawnServer, type ServerProcess } from "@marugoto/testing";
import type { Program } from "./programs.ts";

/** A node of a group that runs. */
export interface GroupNode {
  readonly process: ServerProcess;
  /** Where clients connect. */
  readonly port: number;
  /** Where other nodes connect. */
  readonly replicationPort: number;
  readonly pid: number;
}

export interface NodeOptions {
  /** Port for other nodes; a free one unless said. */
  readonly replicationPort?: number;
  /** Replication ports of the others, on 127.0.0.1. */
  readonly peers?: readonly number[];
  readonly flags?: readonly string[];
}

/** Starts a node and waits until it serves clients: it is master, or has its first copy. */
export async function startNode(program: Program, options: NodeOptions = {}): Promise<GroupNode> {
  const [command, ...leading] = program.command;
  const replicationPort = options.replicationPort ?? (await freePort());
  const peers = (options.peers ?? []).flatMap((port) => ["--peer", `127.0.0.1:${port}`]);
  const listen = ["-p", "-1", "-l", "127.0.0.1", "--replication-listen", `127.0.0.1:${replicationPort}`];
  const args = [...leading, ...listen, ...peers, ...(options.flags ?? [])];
  const process = await spawnServer({ command, args, ready: "port-file", readyWithinMs: 20_000 });
  return { process, port: process.port, replicationPort, pid: process.pid };
}

/** Runs `use` with a way to start nodes that are ended afterwards, whatever happens. */
export async function withNodes<T>(
  program: Program,
  use: (start: (options?: NodeOptions) => Promise<GroupNode>) => Promise<T>,
): Promise<T> {
  const nodes: GroupNode[] = [];
  try {
    return await use(async (options) => {
      const node = await startNode(program, options);
      nodes.push(node);
      return node;
    });
  } finally {
    await Promise.all(nodes.map(({ process }) => process.close()));
  }
}

/** The rows of `stats replication`, by name. */
export async function replicationStats(port: number): Promise<ReadonlyMap<string, string>> {
  const connection = await connect(port);
  try {
    connection.send("stats replication\r\n");
    const text = await connection.readUntil("END\r\n");
    const rows = new Map<string, string>();
    for (const [, name = "", value = ""] of text.matchAll(/^STAT (\S+) (.*)\r$/gm)) rows.set(name, value);
    return rows;
  } finally {
    await connection.close();
  }
}

/** Waits until `replicas` nodes follow this one and have all it has. */
export async function waitInStep(port: number, replicas: number, withinMs = 20_000): Promise<void> {
  await eventually(
    async () => {
      const rows = await replicationStats(port);
      if (rows.get("role") !== "master" || rows.get("replicas_in_step") !== String(replicas)) return false;
      for (let i = 0; i < replicas; i++) if (rows.get(`replica_${i}_applied`) !== rows.get("offset")) return false;
      return true;
    },
    { withinMs },
  );
}

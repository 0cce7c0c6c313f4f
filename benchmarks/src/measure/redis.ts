// Two redis-server as a peer for full copies: a master with a content, and a replica that takes it again and again.

import { CacheError } from "@marugoto/core";
import { connect, eventually, findOracle, freePort, spawnServer, temporaryFolder } from "@marugoto/testing";

/** A pair of redis-server between which full copies are timed. */
export interface RedisPair {
  readonly version: string;
  /** Empties the replica and lets it copy everything. @returns milliseconds from the order until its link is up */
  copyMs(): Promise<number>;
  close(): Promise<void>;
}

/** As it is shipped, but for what would wait or write to disk: no snapshots, no pause before a copy begins. */
const flags = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"];

const COPY_WITHIN_MS = 60_000;

/**
 * @param items items of the master, each with a value of `valueBytes`
 * @returns undefined where redis-server is not installed
 */
export async function startRedisPair(items: number, valueBytes: number): Promise<RedisPair | undefined> {
  const { path } = findOracle("redis-server");
  if (path === undefined) return undefined;
  const folder = temporaryFolder();
  const start = async () => {
    const port = await freePort();
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder.path, ...flags];
    return spawnServer({ command: path, args, ready: { kind: "tcp", host: "127.0.0.1", port } });
  };
  const [master, replica] = [await start(), await start()];
  const [toMaster, toReplica] = [await connect(master.port), await connect(replica.port)];
  const order = async (connection: typeof toMaster, line: string) => {
    const answer = await connection.ask(line, COPY_WITHIN_MS);
    if (answer !== "+OK") throw new CacheError("protocol_violation", `redis-server: ${line}: ${answer}`);
  };
  const info = async (connection: typeof toMaster, section: string) => {
    const bytes = Number((await connection.ask(`INFO ${section}`)).slice(1));
    return (await connection.read(bytes + 2)).toString("latin1");
  };
  await order(toMaster, `DEBUG POPULATE ${items} key ${valueBytes}`);
  const version = /redis_version:(\S+)/.exec(await info(toMaster, "server"))?.[1] ?? "?";
  return {
    version,
    async copyMs() {
      await order(toReplica, "REPLICAOF NO ONE");
      await order(toReplica, "FLUSHALL");
      const startedMs = performance.now();
      await order(toReplica, `REPLICAOF 127.0.0.1 ${master.port}`);
      await eventually(async () => (await info(toReplica, "replication")).includes("master_link_status:up"), {
        withinMs: COPY_WITHIN_MS,
        everyMs: 2,
      });
      return performance.now() - startedMs;
    },
    async close() {
      await Promise.all([toMaster.close(), toReplica.close()]);
      await Promise.all([master.close(), replica.close()]);
      folder.remove();
    },
  };
}

// The servers of a measurement: started fresh on free ports, asked for their stats, ended for certain.

import { connect, spawnServer, type ServerProcess } from "@marugoto/testing";
import type { Program } from "./programs.ts";

/** A running server and the program it is. */
export interface RunningServer {
  readonly program: Program;
  readonly port: number;
  readonly pid: number;
  readonly process: ServerProcess;
}

/**
 * Starts a server on a free port of 127.0.0.1 and waits until it listens.
 *
 * @param flags memcached's flags beside those for the port and the address
 * @throws CacheError `listen_failed` with what it printed
 */
async function startServer(program: Program, flags: readonly string[]): Promise<RunningServer> {
  const [command, ...leading] = program.command;
  // memcached refuses to run as root unless it is told a user.
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const args = [...leading, "-p", "-1", "-l", "127.0.0.1", "-U", "0", ...user, ...flags];
  const server = await spawnServer({ command, args, ready: "port-file" });
  return { program, port: server.port, pid: server.pid, process: server };
}

/** Runs `use` with servers that are ended afterwards, whatever happens; one that fails to start ends the others. */
export async function withServers<T>(
  programs: readonly Program[],
  flags: readonly string[],
  use: (...servers: RunningServer[]) => Promise<T>,
): Promise<T> {
  const servers: RunningServer[] = [];
  try {
    for (const program of programs) servers.push(await startServer(program, flags));
    return await use(...servers);
  } finally {
    await Promise.all(servers.map((server) => server.process.close()));
  }
}

/** Runs `use` with one server. */
export function withServer<T>(
  program: Program,
  flags: readonly string[],
  use: (server: RunningServer) => Promise<T>,
): Promise<T> {
  return withServers([program], flags, (server) => use(server));
}

/** The rows of `stats`, by name. */
export async function readStats(server: RunningServer): Promise<ReadonlyMap<string, string>> {
  const connection = await connect(server.port);
  try {
    connection.send("stats\r\n");
    const text = await connection.readUntil("END\r\n");
    const rows = new Map<string, string>();
    for (const [, name = "", value = ""] of text.matchAll(/^STAT (\S+) (.*)\r$/gm)) rows.set(name, value);
    return rows;
  } finally {
    await connection.close();
  }
}

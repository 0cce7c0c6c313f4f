// A real nutcracker before some servers, for what it does in the same case.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, freePort, spawnServer, temporaryFolder, type Cleanup, type TestConnection } from "@marugoto/testing";

/**
 * Starts nutcracker with one pool of servers on 127.0.0.1.
 *
 * @param path its program
 * @param lines more keys of the pool
 * @returns what connects a client to it
 */
export async function startNutcracker(
  opened: Cleanup,
  path: string,
  ports: readonly number[],
  lines: readonly string[] = [],
): Promise<() => Promise<TestConnection>> {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const socket = join(folder.path, "s");
  const file = join(folder.path, "c.yml");
  const servers = ports.map((port, i) => `   - 127.0.0.1:${port}:1 s${i}\n`).join("");
  writeFileSync(file, `a:\n  listen: ${socket}\n${lines.map((line) => `  ${line}\n`).join("")}  servers:\n${servers}`);
  const args = ["-c", file, "-a", "127.0.0.1", "-s", String(await freePort()), "-v", "0"];
  opened.add(await spawnServer({ command: path, args, ready: { kind: "unix", path: socket } }));
  return async () => opened.add(await connect({ kind: "unix", path: socket }));
}

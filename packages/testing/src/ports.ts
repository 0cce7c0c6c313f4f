// Ports on 127.0.0.1: a free one, and the one a server chose for itself.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. Another process may take it before you do: prefer `-p -1` and
 * the port file where the program can.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return address.port;
}

/** A fresh folder under the system's temporary one, with the function that removes it. Short, for Unix sockets. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "mrg-"));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/**
 * The port in a file that memcached (or a server like it) wrote as MEMCACHED_PORT_FILENAME: its row `TCP INET: n`.
 *
 * @returns undefined while the file is not there or has no such row
 */
export function readPortFile(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const port = /^TCP INET: (\d+)$/m.exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}

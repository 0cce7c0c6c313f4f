// A real etcd of one member, on free ports and in a folder of its own.

import { findOracle } from "./oracles.ts";
import { freePort, temporaryFolder } from "./ports.ts";
import { spawnServer, type ServerProcess } from "./server-process.ts";

/** Starts etcd and waits until it listens. Leases may be as short as 1 s. @throws Error when none is installed */
export async function spawnEtcd(): Promise<ServerProcess> {
  const oracle = findOracle("etcd");
  if (oracle.path === undefined) throw new Error(oracle.missing);
  const folder = temporaryFolder();
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const [clients, peers] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const etcd = await spawnServer({
    command: oracle.path,
    args: [
      ...["--data-dir", folder.path, "--name", "one", "--initial-cluster", `one=${peers}`],
      ...["--listen-client-urls", clients, "--advertise-client-urls", clients],
      ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
      // The shortest lease is one and a half election timeouts, in whole seconds.
      ...["--heartbeat-interval", "10", "--election-timeout", "100", "--log-level", "error"],
    ],
    // Two architectures out of three want to be told that they are meant.
    env: { ETCD_UNSUPPORTED_ARCH: process.arch === "x64" ? "" : process.arch },
    ready: { kind: "tcp", host: "127.0.0.1", port: clientPort },
    readyWithinMs: 20_000,
  });
  void etcd.exited.then(folder.remove);
  return etcd;
}

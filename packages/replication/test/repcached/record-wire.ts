// Records what a real repcached says on its replication port: `REPCACHED_BIN=… node --conditions=source
// packages/replication/test/repcached/record-wire.ts` writes test/fixtures/repcached-wire.json.

import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Cleanup, connect, freePort, repcachedVersion, spawnRepcached, TestConnection } from "@marugoto/testing";
import {
  copySteps,
  masterSteps,
  recordsOf,
  relativeTimes,
  runSteps,
  settled,
  slaveSteps,
  type WireRecording,
} from "./wire-steps.ts";

const opened = new Cleanup();

async function master() {
  const replicationPort = await freePort();
  const process = opened.add(await spawnRepcached({ replicationPort }));
  return { client: opened.add(await connect(process.port)), replicationPort };
}

async function record(): Promise<WireRecording> {
  const first = await master();
  const slave = opened.add(await connect(first.replicationPort));
  const attach = await settled(slave);
  const recorded = await runSteps(masterSteps, first.client, slave);

  const second = await master();
  for (const step of copySteps) await second.client.ask(step);
  const now = Math.floor(Date.now() / 1000);
  const late = opened.add(await connect(second.replicationPort));
  const copy = recordsOf(relativeTimes(await settled(late), now));

  const replicationPort = await freePort();
  const dialled = new Promise<Socket>((resolve) => {
    const listener = createServer(resolve).listen(replicationPort, "127.0.0.1");
    opened.defer(() => listener.close());
  });
  const port = await freePort();
  const real = opened.add(await spawnRepcached({ replicationPort, peer: "127.0.0.1", port, waits: false }));
  const link = opened.add(new TestConnection(await dialled, { kind: "tcp", host: "127.0.0.1", port: replicationPort }));
  link.send("marugoto_end\r\n");
  await settled(link);
  if (!real.alive) throw new Error(real.stderr);
  const ofSlave = await runSteps(slaveSteps, opened.add(await connect(port)), link);
  return {
    oracle: repcachedVersion(),
    command: "repcached -l 127.0.0.1 -p PORT -U 0 -X PORT [-x 127.0.0.1] -v",
    attach,
    master: recorded,
    copy,
    slave: ofSlave,
  };
}

try {
  const path = new URL("../fixtures/repcached-wire.json", import.meta.url);
  writeFileSync(path, `${JSON.stringify(await record(), undefined, 2)}\n`);
} finally {
  await opened.run();
}

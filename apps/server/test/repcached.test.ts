// The binary with --repcached beside a real repcached: its log, and what is left when it is killed.

import {
  Cleanup,
  connect,
  eventually,
  freePort,
  freshSeed,
  seededRandom,
  spawnRepcached,
  useOracle,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { startNode, stats } from "./pair.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const oracle = useOracle("repcached", "marugoto-server --repcached beside a real repcached");

/** Starts ours as a master with the real one as its slave. */
async function startPair() {
  const replicationPort = await freePort();
  const clientPort = String(await freePort());
  const flags = ["-l", "127.0.0.1", "-p", clientPort, "-X", String(replicationPort), "--repcached", "-v"];
  const ours = await startNode(opened, flags);
  const real = opened.add(await spawnRepcached({ replicationPort, peer: "127.0.0.1" }));
  const client = opened.add(await connect(ours.port));
  const slave = opened.add(await connect(real.port));
  await eventually(async () => (await stats(client)).in_step === "1");
  return { ours, real, client, slave, replicationPort };
}

describe.skipIf(oracle.isMissing)(oracle.title, () => {
  test.each([1, 50, 1000])(
    "killed under pipelined sets, %i at a time: the real slave has all that was acknowledged",
    async (window) => {
      const seed = freshSeed();
      const random = seededRandom(seed);
      for (let run = 0; run < 3; run++) {
        const { ours, real, client, slave } = await startPair();
        const killAfter = window * 3 + random.int(window * 4 + 50);
        let sent = 0;
        let acked = 0;
        let killed: Promise<unknown> | undefined;
        const sendMore = () => {
          let text = "";
          while (sent < acked + window) text += `set k${sent++} 0 0 2\r\nvv\r\n`;
          client.send(text);
        };
        sendMore();
        while (!client.ended || client.arrivedBytes > 0) {
          const stored = Math.floor(client.arrivedBytes / "STORED\r\n".length);
          if (stored === 0) {
            if (client.ended || !(await client.activity(5000))) break;
            continue;
          }
          await client.read(stored * "STORED\r\n".length);
          acked += stored;
          if (acked >= killAfter) killed ??= ours.stop("SIGKILL");
          else if (acked + window > sent) sendMore();
        }
        await killed;
        const last = `k${acked - 1}`;
        await eventually(async () => {
          slave.send(`get ${last}\r\n`);
          return (await slave.readUntil("END\r\n")) !== "END\r\n";
        });
        const keys = Array.from({ length: acked }, (_, i) => `k${i}`);
        slave.send(keys.map((key) => `get ${key}\r\n`).join(""));
        let lost = 0;
        for (let i = 0; i < acked; i++) if ((await slave.readUntil("END\r\n")) === "END\r\n") lost++;
        expect(lost, `seed ${seed}: of ${acked}`).toBe(0);
        expect(acked).toBeGreaterThanOrEqual(killAfter);
        expect(real.stderr).toContain("replication: close\n");
        await opened.run();
      }
    },
  );

  test("its log has the lines of a repcached, as master, as slave, and at the end", async () => {
    const { ours, real, replicationPort } = await startPair();
    const lines = (text: string) =>
      text.split("\n").filter((line) => /^(replication: (?!.*->)(?!listening)|got)/.test(line));
    await real.stop("SIGTERM");
    await eventually(() => lines(ours.stderr).filter((line) => line === "replication: listen").length === 2);
    expect(lines(ours.stderr).filter((line) => !line.includes("127.0.0.1"))).toEqual([
      "replication: listen",
      "replication: accept",
      "replication: marugoto start",
      "replication: marugoto 0",
      "replication: marugoto owari",
      "replication: close",
      "replication: listen",
    ]);
    const [clientPort, second] = [String(await freePort()), await freePort()];
    const flags = ["-l", "127.0.0.1", "-p", clientPort, "-x", "127.0.0.1", "-X", String(replicationPort)];
    const slave = await startNode(opened, [
      ...flags,
      "--replication-listen",
      `127.0.0.1:${second}`,
      "--repcached",
      "-v",
    ]);
    expect(lines(slave.stderr)).toEqual([
      `replication: connect (peer=127.0.0.1:${replicationPort})`,
      "replication: marugoto copying",
      "replication: start",
    ]);
    await slave.stop("SIGTERM", 6000);
    const last = lines(slave.stderr).filter((line) => !line.includes("is gone"));
    expect(last.slice(-3)).toEqual(["got signal 15", "replication: close", "replication: cleanup complete"]);
  });
});

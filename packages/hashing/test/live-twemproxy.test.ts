// Random pools behind a real nutcracker whose backends answer every get with their own number.

import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Cleanup, freePort, spawnServer, temporaryFolder, useOracle, within, type Random } from "@marugoto/testing";
import { isCacheError } from "@marugoto/core";
import { afterEach, describe, expect, test } from "vitest";
import { twemproxyHashNames } from "../src/hashes/by-name.ts";
import { twemproxy, type TwemproxyOptions } from "../src/index.ts";
import { randomKey, startRandom, times } from "./oracle/keys.ts";

const nutcracker = useOracle("nutcracker", "placement beside a real nutcracker");
const opened = new Cleanup();
afterEach(() => opened.run());

const POOLS = 40;
const BACKENDS = 8;
const KEYS = 50;

describe.skipIf(nutcracker.isMissing)(nutcracker.title, () => {
  test(`${POOLS} random pools place ${KEYS} keys each as nutcracker does`, { timeout: 60_000 }, async () => {
    const random = startRandom("live nutcracker");
    const backends = await Promise.all(times(BACKENDS, (i) => startBackend(i)));
    const pools = times(POOLS, () => randomPool(random, backends));
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const sockets = pools.map((_, i) => join(folder.path, `${i}.sock`));
    const config = join(folder.path, "nutcracker.yml");
    writeFileSync(config, pools.map((pool, i) => yaml(`pool${i}`, sockets[i]!, pool)).join(""));
    await startNutcracker(config, sockets.at(-1)!);

    for (const [i, pool] of pools.entries()) {
      const placement = twemproxy(pool);
      const keys = times(KEYS, () => sendable(randomKey(random, 250)));
      // An answer is the backend's number; the line with its port is the server.
      const backend = pool.servers.map((line) => backends.findIndex((port) => line.includes(`:${port}:`)));
      const expected = keys.map((key) => backend[placement.serverIndex(key, 0, key.length)]);
      const answered = await within(10_000, askAll(sockets[i]!, keys), "nutcracker did not answer");
      expect(answered, JSON.stringify({ pool, keys: keys.map(String) })).toEqual(expected);
    }
  });
});

/** A server for one of twemproxy's, which knows nothing but `get`. Returns its port. */
async function startBackend(number: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let rest = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, ...keys] = line.split(" ").filter((word) => word !== "");
        socket.write(`${keys.map((key) => `VALUE ${key} 0 1\r\n${number}\r\n`).join("")}END\r\n`, "latin1");
      }
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return address.port;
}

/** Starts it, once more when another process was quicker to take the port of its statistics. */
async function startNutcracker(config: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const args = ["-c", config, "-a", "127.0.0.1", "-s", String(await freePort()), "-v", "0"];
      opened.add(await spawnServer({ command: nutcracker.path, args, ready: { kind: "unix", path } }));
      return;
    } catch (error) {
      if (attempt === 3 || !isCacheError(error) || error.code !== "listen_failed") throw error;
    }
  }
}

function randomPool(random: Random, backends: readonly number[]): TwemproxyOptions {
  const named = random.chance(1 / 2);
  const evenly = random.chance(1 / 2);
  const chosen = backends.filter(() => random.chance(0.7));
  const servers = (chosen.length === 0 ? backends : chosen).map((port, i) => {
    const weight = evenly ? 1 : random.pick([1, 1, 2, 3, 7, 29, 1000]);
    const name =
      named && random.chance(0.8)
        ? ` ${random.pick(["s", "server", "cache-", "Z"])}${i * random.pick([1, 7])}x${i}`
        : "";
    return `${random.pick(["127.0.0.1", "127.1"])}:${port}:${weight}${name}`;
  });
  return {
    servers,
    hash: random.pick(twemproxyHashNames),
    distribution: random.pick(["ketama", "modula"] as const),
    ...(random.chance(1 / 2) && { hash_tag: random.pick(["{}", "::", "aX", "-_"]) }),
  };
}

function yaml(name: string, path: string, { servers, hash, distribution, hash_tag }: TwemproxyOptions): string {
  const lines = [
    `listen: ${path}`,
    `hash: ${hash}`,
    `distribution: ${distribution}`,
    ...(hash_tag === undefined ? [] : [`hash_tag: "${hash_tag}"`]),
    "servers:",
    ...servers.map((line) => `  - ${line}`),
  ];
  return `${name}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

/** The key with what would end it or the line replaced, and never empty. */
function sendable(key: Buffer): Buffer {
  return key.length === 0
    ? Buffer.from("k")
    : Buffer.from(key.map((byte) => (byte <= 0x20 || byte === 0x7f ? 0x2b : byte)));
}

/** Gets every key over one connection; the numbers that came back, in order. */
function askAll(path: string, keys: readonly Buffer[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    opened.defer(() => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const numbers = Array.from(text.matchAll(/^VALUE [^ ]+ 0 1\r\n(\d)\r\nEND\r\n/gm), (match) => Number(match[1]));
      if (numbers.length === keys.length) resolve(numbers);
      if (/^(SERVER_|CLIENT_)?ERROR/m.test(text)) reject(new Error(text));
    });
    socket.on("error", reject).on("close", () => reject(new Error(`nutcracker closed after ${JSON.stringify(text)}`)));
    for (const key of keys) socket.write(Buffer.concat([Buffer.from("get "), key, Buffer.from("\r\n")]));
  });
}

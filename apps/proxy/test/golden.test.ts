// Everything recorded from a real nutcracker: by the configuration as nutcracker has it, and through the binary.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { parseConfig, toPlacement, type PoolConfig } from "@marugoto/proxy";
import { Cleanup, eventually, repositoryRoot, temporaryFolder, within } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { startProxy } from "./support/app.ts";
import { startNumberedBackend } from "./support/numbered-backend.ts";

interface Case {
  readonly id: string;
  readonly hash: string;
  readonly distribution: string;
  readonly servers: readonly string[];
  readonly keys: string;
  /** Character i: the base-36 index of the server of key i. */
  readonly map: string;
  readonly hash_tag?: string;
  readonly ejected?: readonly number[];
}

const named = process.env.MARUGOTO_GOLDEN;
const folder = named ? resolve(repositoryRoot, named) : join(repositoryRoot, "packages/hashing/fixtures/golden");

const golden = JSON.parse(readFileSync(join(folder, "twemproxy/placement.json"), "utf8")) as {
  keysets: Record<string, readonly string[]>;
  cases: readonly Case[];
};

const opened = new Cleanup();
afterEach(() => opened.run());

function keysOf({ keys }: Case): readonly string[] {
  const found = golden.keysets[keys];
  if (found === undefined) throw new Error(`no keyset "${keys}" in the recorded data`);
  return found;
}

/** The pool of a case as a nutcracker.yml has it. */
function yaml(
  { hash, distribution, hash_tag }: Case,
  name: string,
  listen: string,
  servers: readonly string[],
): string {
  const tag = hash_tag === undefined ? "" : `  hash_tag: "${hash_tag}"\n`;
  const list = servers.map((server) => `   - ${JSON.stringify(server)}\n`).join("");
  return `${name}:\n  listen: ${listen}\n  hash: ${hash}\n  distribution: ${distribution}\n${tag}  servers:\n${list}`;
}

function poolOf(each: Case): PoolConfig {
  return parseConfig(yaml(each, "a", "127.0.0.1:1", each.servers), `${each.id}.yml`).pools[0]!;
}

test(`${golden.cases.length} recorded pools, their configuration unchanged`, () => {
  let compared = 0;
  for (const each of golden.cases) {
    const pool = poolOf(each);
    const placement = toPlacement(pool.placement, pool.servers, each.ejected);
    const owners = keysOf(each).map((key) => placement.serverIndexOf(key).toString(36));
    expect(owners.join(""), each.id).toBe(each.map);
    compared += owners.length;
  }
  expect(compared).toBeGreaterThan(0);
  console.log(`${folder}: ${golden.cases.length} cases, ${compared} placements by the configuration`);
});

/** Where nobody listens. */
const DEAD = 1;

test("every recorded pool, through the binary", { timeout: 60_000 }, async () => {
  const { cases } = golden;
  const most = Math.max(...cases.map(({ servers }) => servers.length));
  const backends = await Promise.all(Array.from({ length: most }, (_, i) => startNumberedBackend(opened, i)));
  const sockets = temporaryFolder();
  opened.defer(sockets.remove);
  const socketOf = (i: number) => join(sockets.path, String(i));
  // The recorded addresses can't be listened on; servers are hashed by name, so each keeps the name that nutcracker gave it.
  const config = cases.map((each, i) => {
    const isDead = (server: number) => each.ejected?.includes(server) === true;
    const servers = poolOf(each).servers.map(
      ({ weight, name }, server) => `127.0.0.1:${isDead(server) ? DEAD : backends[server]!}:${weight} ${name}`,
    );
    const eject = each.ejected === undefined ? "" : "  auto_eject_hosts: true\n  server_failure_limit: 1\n";
    return yaml(each, `pool${i}`, socketOf(i), servers) + eject;
  });
  await startProxy(opened, config.join(""), ["-v", "0"], { kind: "unix", path: socketOf(cases.length - 1) });
  let compared = 0;
  for (const [i, each] of cases.entries()) {
    const keys = keysOf(each);
    // Who is dead has to be found out by a request.
    if (each.ejected !== undefined) await eventually(() => askAll(socketOf(i), keys).then(() => true));
    const answered = await within(20_000, askAll(socketOf(i), keys), `${each.id}: no answer`);
    expect(answered.map((server) => server.toString(36)).join(""), each.id).toBe(throughProxy(each));
    compared += keys.length;
  }
  expect(compared).toBeGreaterThan(0);
  console.log(`${folder}: ${cases.length} cases, ${compared} placements through the binary`);
});

/**
 * The recorded map; but where servers are ejected, nutcracker deals out all keys anew, and this proxy only theirs: a key of
 * a server that is there stays there.
 */
function throughProxy(each: Case): string {
  const { ejected } = each;
  if (ejected === undefined) return each.map;
  const pool = poolOf(each);
  const placement = toPlacement(pool.placement, pool.servers);
  const owners = keysOf(each).map((key) => placement.serverIndexOf(key));
  return owners.map((owner, i) => (ejected.includes(owner) ? each.map[i]! : owner.toString(36))).join("");
}

/** Gets each key by a command of its own over one connection; the numbers that came back, in order. */
async function askAll(path: string, keys: readonly string[]): Promise<number[]> {
  const socket = connect(path);
  const closed = new Promise<never>((_, reject) => {
    socket.on("error", reject).on("close", () => reject(new Error("closed")));
  });
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.write(keys.map((key) => `get ${key}\r\n`).join(""), "utf8");
  const numbers = () =>
    Array.from(text.matchAll(/^VALUE [^ ]+ 0 \d+\r\n(\d+)\r\nEND\r\n/gm), (match) => Number(match[1]));
  const hasError = () => /^(SERVER_|CLIENT_)?ERROR/m.test(text);
  const answered = eventually(() => hasError() || numbers().length === keys.length);
  closed.catch(() => undefined); // After the answers it is of no interest.
  await Promise.race([answered, closed]);
  socket.destroy();
  if (hasError()) throw new Error(text.slice(0, 200));
  return numbers();
}

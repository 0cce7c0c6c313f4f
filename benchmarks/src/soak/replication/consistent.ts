// `soak replication-consistent`: two nodes whose master is named by an etcd, cut off from it and from each other, while
// clients write to both. No two masters may acknowledge at the same time: each answer tells, by its cas number, in which
// term it was given, and the terms must not overlap.

import { CacheError } from "@marugoto/core";
import {
  Cleanup,
  connect,
  eventually,
  findOracle,
  freePort,
  freshSeed,
  seededRandom,
  spawnEtcd,
  spawnServer,
  startFaultProxy,
  type FaultProxy,
  type Random,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import { ourServer } from "../../measure/programs.ts";
import { grouped, markdownTable } from "../../measure/table.ts";
import { defineTask, type Progress, type Report } from "../../task.ts";
import { numbered, repeat, repeatFlags } from "../repeat.ts";

/** Seconds of the lease: the shortest that there is. */
const TTL_SEC = 1;

/** A round must be over, and writes be acknowledged again, within so long. */
const WITHIN_MS = 20_000;

/** A cas number is this times its term, and more. */
const CAS_PER_TERM = 2 ** 40;

const flags = {
  ...repeatFlags,
  partitions: { kind: "number", default: 100, min: 1, unit: "N", help: "cuts, one after the other" },
  stops: { kind: "number", default: 20, min: 0, unit: "N", help: "times that etcd itself is stopped, among the cuts" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "4 cuts and 1 stop" },
} as const;

export const replicationConsistent = defineTask({
  summary: "two nodes and a real etcd, cut off in every way: never do two masters acknowledge at once",
  flags,
  async run(values, progress): Promise<Report> {
    const { partitions, stops } = values.quick ? { partitions: 4, stops: 1 } : values;
    const { missing } = findOracle("etcd");
    if (missing !== undefined) throw new CacheError("not_supported", missing);
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const runs = await repeat(values, progress, (run) => oneRun(partitions, stops, first + run - 1, progress));
    const rows = numbered(runs);
    return {
      title: "One master, as etcd says",
      facts: [
        ["nodes", `two marugoto-servers with a lease of ${TTL_SEC} s, one etcd, a client writing to each`],
        ["seed", String(first)],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

/** What is acknowledged in one term: from when to when, in milliseconds of this process. */
interface Term {
  first: number;
  last: number;
  count: number;
}

class Observed {
  readonly terms = new Map<number, Term>();
  acknowledged = 0;
  refused = 0;
  /** Acknowledgements that came after the first one of a later term. */
  overlapping = 0;

  note(cas: number, atMs: number): void {
    const term = Math.floor(cas / CAS_PER_TERM);
    this.acknowledged++;
    for (const [other, { first }] of this.terms) if (other > term && atMs >= first) this.overlapping++;
    const seen = this.terms.get(term);
    if (seen === undefined) this.terms.set(term, { first: atMs, last: atMs, count: 1 });
    else Object.assign(seen, { last: atMs, count: seen.count + 1 });
  }
}

interface Group {
  readonly etcd: ServerProcess;
  readonly ports: readonly number[];
  /** Between each node and etcd. */
  readonly toEtcd: readonly FaultProxy[];
  /** Between each node and the port on which the other one listens. */
  readonly links: readonly FaultProxy[];
}

async function startGroup(opened: Cleanup): Promise<Group> {
  const program = ourServer("");
  const [file, ...before] = program.command;
  const etcd = opened.add(await spawnEtcd());
  const own = [await freePort(), await freePort()] as const;
  const ports = [await freePort(), await freePort()];
  const toEtcd: FaultProxy[] = [];
  const links: FaultProxy[] = [];
  for (const node of [0, 1] as const) {
    toEtcd.push(opened.add(await startFaultProxy(etcd.port)));
    links.push(opened.add(await startFaultProxy(own[1 - node]!)));
  }
  for (const node of [0, 1] as const) {
    const port = ports[node]!;
    const args = [
      ...["-l", "127.0.0.1", "-p", String(port), "--replication-listen", `127.0.0.1:${own[node]}`],
      ...["--peer", `127.0.0.1:${links[node]!.port}`, "--heartbeat", "50", "--peer-timeout", "300"],
      ...["--coordinator", `etcd://127.0.0.1:${toEtcd[node]!.port}/soak?ttl=${TTL_SEC}`],
    ];
    const ready = { kind: "tcp", host: "127.0.0.1", port } as const;
    opened.add(await spawnServer({ command: file, args: [...before, ...args], ready }));
  }
  return { etcd, ports, toEtcd, links };
}

/** Writes to one node, one key after the other, until told to end. */
async function write(port: number, name: string, observed: Observed, isOver: () => boolean): Promise<void> {
  let connection: TestConnection | undefined;
  for (let i = 0; !isOver(); i++) {
    try {
      connection ??= await connect(port);
      const answer = await connection.ask(`ms ${name}${i % 1000} 1 c T0\r\nx`, 2000);
      const cas = /^HD c(\d+)/.exec(answer)?.[1];
      if (cas === undefined) observed.refused++;
      else observed.note(Number(cas), performance.now());
    } catch {
      // Nobody has answered in time: neither acknowledged nor refused.
      await connection?.close();
      connection = undefined;
    }
  }
  await connection?.close();
}

async function oneRun(partitions: number, stops: number, seed: number, progress: Progress): Promise<string[][]> {
  const random = seededRandom(seed);
  const opened = new Cleanup();
  const observed = new Observed();
  let isOver = false;
  try {
    const group = await startGroup(opened);
    const writers = group.ports.map((port, node) => write(port, `n${node}k`, observed, () => isOver));
    await acknowledgedAgain(observed);
    const faults = [
      ...Array.from({ length: partitions }, () => partition),
      ...Array.from({ length: stops }, () => stopEtcd),
    ];
    const slow: number[] = [];
    for (let round = 0; faults.length > 0; round++) {
      const [fault] = faults.splice(random.int(faults.length), 1);
      const what = await fault!(group, random);
      const startedMs = performance.now();
      await acknowledgedAgain(observed);
      slow.push(performance.now() - startedMs);
      if (round % 10 === 9) progress(`${round + 1} faults, ${grouped(observed.acknowledged)} acknowledged; ${what}`);
    }
    isOver = true;
    await Promise.all(writers);
    slow.sort((a, b) => a - b);
    return [
      ["writes acknowledged", grouped(observed.acknowledged), "> 0", observed.acknowledged > 0 ? "yes" : "no"],
      ["writes refused", grouped(observed.refused), "", ""],
      ["terms", grouped(observed.terms.size), "", ""],
      [
        "acknowledged by two masters at once",
        grouped(observed.overlapping),
        "0",
        observed.overlapping === 0 ? "yes" : "no",
      ],
      ["writes again after the end of a fault, ms, slowest", grouped(slow.at(-1) ?? 0), `≤ ${WITHIN_MS}`, "yes"],
    ];
  } finally {
    isOver = true;
    await opened.run();
  }
}

/** Waits until ten more writes are acknowledged than now. @throws CacheError `timeout` */
async function acknowledgedAgain(observed: Observed): Promise<void> {
  const before = observed.acknowledged;
  await eventually(() => observed.acknowledged >= before + 10, { withinMs: WITHIN_MS });
}

/** Cuts one node off, from etcd, from the other node or from both, for up to two leases. */
async function partition({ toEtcd, links }: Group, random: Random): Promise<string> {
  const node = random.int(2);
  const isFromEtcd = random.chance(0.7);
  const isFromPeer = !isFromEtcd || random.chance(0.7);
  const cut = [...(isFromEtcd ? [toEtcd[node]!] : []), ...(isFromPeer ? links : [])];
  const isSilent = random.chance(0.5);
  for (const proxy of cut) {
    if (isSilent) {
      proxy.up.stalled = proxy.down.stalled = true;
    } else {
      proxy.refuse = true;
      proxy.cut();
    }
  }
  await pause(random.between(100, TTL_SEC * 2000));
  for (const proxy of cut) {
    proxy.heal();
    // What was held up is not delivered late: the packets of a real cut are gone.
    if (isSilent) proxy.cut();
  }
  return `node ${node} cut off from ${isFromEtcd ? "etcd" : ""}${isFromPeer ? " peer" : ""}`;
}

async function stopEtcd({ etcd }: Group, random: Random): Promise<string> {
  etcd.signal("SIGSTOP");
  await pause(random.between(100, TTL_SEC * 2000));
  etcd.signal("SIGCONT");
  return "etcd stopped";
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

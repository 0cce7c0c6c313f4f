// `soak replication-consistent`: two nodes whose master is named by an etcd, cut off from it and from each other, while
// clients write to both. No two masters may acknowledge at the same time: each answer tells, by its cas number, in which
// term it was given, and the terms must not overlap.

import { CacheError } from "@marugoto/core";
import {
  connect,
  eventually,
  findOracle,
  spawnEtcd,
  startFaultProxy,
  type Cleanup,
  type FaultProxy,
  type Random,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import type { Program } from "../../measure/programs.ts";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, pause, times, told } from "./findings.ts";
import { Pair, type Side } from "./pair.ts";

/** Seconds of the lease: the shortest that there is. */
const TTL_SEC = 1;

/** A round must be over, and writes be acknowledged again, within so long. */
const WITHIN_MS = 20_000;

/** A cas number is this times its term, and more. */
const CAS_PER_TERM = 2 ** 40;

const flags = {
  partitions: { kind: "number", default: 20, min: 1, unit: "N", help: "cuts, one after the other" },
  stops: { kind: "number", default: 4, min: 0, unit: "N", help: "times that etcd itself is stopped, among the cuts" },
} as const;

export const replicationConsistent = replicationSoak({
  summary: "two nodes and a real etcd, cut off in every way: never do two masters acknowledge at once",
  title: "One master, as etcd says",
  flags,
  quick: { partitions: 6, stops: 1 },
  facts: () => [["nodes", `two nodes with a lease of ${TTL_SEC} s, one etcd, a client writing to each`]],
  async once({ values, program, opened, random, progress }) {
    const { missing } = findOracle("etcd");
    if (missing !== undefined) throw new CacheError("not_supported", missing);
    const group = await startGroup(program, opened);
    const observed = new Observed();
    let isOver = false;
    const writers = group.pair.ports.map((port, node) => write(port, `n${node}k`, observed, () => isOver));
    try {
      await acknowledgedAgain(observed);
      const faults = [
        ...Array.from({ length: values.partitions }, () => partition),
        ...Array.from({ length: values.stops }, () => stopEtcd),
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
      return [
        judged("writes acknowledged", observed.acknowledged, "> 0", observed.acknowledged > 0),
        told("writes refused, or without answer", observed.refused),
        judged("terms: how often another node became master", observed.terms.size, "> 1", observed.terms.size > 1),
        none("acknowledged by two masters at once", observed.overlapping()),
        none("terms with a lower number than one before them", observed.outOfOrder),
        told("writes again after the end of a fault: median / 95 of 100 / longest", times(slow)),
      ];
    } finally {
      isOver = true;
      await Promise.all(writers);
    }
  },
});

/** When writes were acknowledged in one term, in milliseconds of this process, in order. */
interface Term {
  readonly times: number[];
}

class Observed {
  readonly terms = new Map<number, Term>();
  acknowledged = 0;
  refused = 0;
  /** Terms that began after one with a higher number had. */
  outOfOrder = 0;

  note(cas: number, atMs: number): void {
    const term = Math.floor(cas / CAS_PER_TERM);
    this.acknowledged++;
    const seen = this.terms.get(term);
    if (seen !== undefined) {
      seen.times.push(atMs);
      return;
    }
    for (const other of this.terms.keys()) {
      if (other > term) {
        this.outOfOrder++;
        break;
      }
    }
    this.terms.set(term, { times: [atMs] });
  }

  /** Acknowledgements between the first and the last of another term. */
  overlapping(): number {
    const terms = [...this.terms.values()];
    let overlapping = 0;
    for (const term of terms) {
      const others = terms.filter((other) => other !== term);
      const isWithin = (atMs: number) => others.some(({ times }) => atMs >= times[0]! && atMs <= times.at(-1)!);
      overlapping += term.times.filter(isWithin).length;
    }
    return overlapping;
  }
}

interface Group {
  readonly etcd: ServerProcess;
  readonly pair: Pair;
  /** Between each node and etcd. */
  readonly toEtcd: readonly FaultProxy[];
}

async function startGroup(program: Program, opened: Cleanup): Promise<Group> {
  const etcd = opened.add(await spawnEtcd());
  const toEtcd = [opened.add(await startFaultProxy(etcd.port)), opened.add(await startFaultProxy(etcd.port))] as const;
  const flags = (side: Side) => [
    ...["--heartbeat", "50", "--peer-timeout", "300"],
    ...["--coordinator", `etcd://127.0.0.1:${toEtcd[side].port}/soak?ttl=${TTL_SEC}`],
  ];
  return { etcd, pair: await Pair.start(program, opened, { flags, proxied: true }), toEtcd };
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

/** Waits until ten more writes are acknowledged than now. @throws CacheError `timeout` */
async function acknowledgedAgain(observed: Observed): Promise<void> {
  const before = observed.acknowledged;
  await eventually(() => observed.acknowledged >= before + 10, { withinMs: WITHIN_MS });
}

/** Cuts one node off, from etcd, from the other node or from both, for up to two leases. */
async function partition({ toEtcd, pair: { links } }: Group, random: Random): Promise<string> {
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

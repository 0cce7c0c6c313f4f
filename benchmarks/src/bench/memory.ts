// `bench memory`: items held, resident size and hit ratio at the same -m, ours beside memcached.

import { CacheError } from "@marugoto/core";
import { ourServer, peerServer, type Program } from "../measure/programs.ts";
import { withServer, withServers } from "../measure/servers.ts";
import { mean } from "../measure/statistics.ts";
import { grouped, markdownTable, mebibytes } from "../measure/table.ts";
import { Zipf } from "../measure/zipf.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { hitRatios } from "./hit-ratio.ts";
import { itemsHeld, type ItemsHeld } from "./items-held.ts";
import { mixedSets } from "./mixed-sets.ts";
import { Traffic, variants } from "./traffic.ts";

const PARTS = ["held", "rss", "hits"] as const;
const MEMORY_MIB = 64;
const MEMORY_BYTES = MEMORY_MIB * 2 ** 20;
const memoryFlags = ["-m", String(MEMORY_MIB), "-c", "1024", "-t", "1"];

const RSS_LIMIT = 1.15;
const HIT_LIMIT_POINTS = -0.2;
/** Value sizes with the least items held, as a multiple of memcached's. */
const HELD = [
  { valueBytes: 32, bar: 1.5 },
  { valueBytes: 100, bar: 1.3 },
  { valueBytes: 1000, bar: 1.0 },
] as const;

const flags = {
  parts: { kind: "text", default: "all", unit: "NAMES", help: `comma-separated: ${PARTS.join(", ")}` },
  sets: { kind: "number", default: 10_000_000, min: 1, unit: "N", help: "mixed sets of the resident size row" },
  requests: { kind: "number", default: 5_000_000, min: 1, unit: "N", help: "requests to warm, and as many measured" },
  keys: { kind: "number", default: 2_000_000, min: 1, unit: "N", help: "keys of the hit ratio rows" },
  seeds: { kind: "number", default: 3, min: 1, unit: "N", help: "runs per hit ratio row, with seeds 1 … N" },
  quick: { kind: "switch", default: false, help: "small counts: shows that it works, measures nothing" },
  ours: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
  peer: { kind: "text", default: "", unit: "COMMAND", help: "peer in place of MEMCACHED_BIN or memcached on PATH" },
} as const;

interface Counts {
  readonly sets: number;
  readonly requests: number;
  readonly keys: number;
  readonly seeds: number;
  /** Share of the full number of keys that the held rows set. */
  readonly heldShare: number;
}

const quickCounts: Counts = { sets: 2000, requests: 20_000, keys: 10_000, seeds: 1, heldShare: 0.01 };

/** One line of the table; `met` is undefined where there is no bar. */
interface Row {
  readonly title: string;
  readonly ours: string;
  readonly peer: string;
  readonly compared: string;
  readonly bar: string;
  readonly met: boolean | undefined;
}

interface Pair {
  readonly ours: Program;
  readonly peer: Program;
}

export const memoryBench = defineTask({
  summary: `items held, resident size and hit ratio at -m ${MEMORY_MIB}, beside memcached`,
  flags,
  async run(values, progress): Promise<Report> {
    const parts = pickParts(values.parts);
    const counts = values.quick ? quickCounts : { ...values, heldShare: 1 };
    const pair = { ours: ourServer(values.ours), peer: peerServer(values.peer) };
    const rows: Row[] = [];
    const notes: string[] = [];
    if (parts.includes("held")) rows.push(...(await heldRows(pair, counts, progress)));
    if (parts.includes("rss")) rows.push(...(await mixedRows(pair, counts, notes, progress)));
    if (parts.includes("hits")) rows.push(...(await hitRows(pair, counts, notes, progress)));
    return {
      title: `Memory at -m ${MEMORY_MIB}`,
      facts: [
        ["ours", `${pair.ours.name} ${pair.ours.version}`],
        ["peer", `${pair.peer.name} ${pair.peer.version}, both with ${memoryFlags.join(" ")}`],
        [
          "hit ratio",
          `${counts.keys} keys, Zipf 0.9, 16 B–8 KiB, ${counts.requests} requests after as many, ${counts.seeds} seeds`,
        ],
      ],
      table: markdownTable(
        ["measure", "ours", "peer", "ours to peer", "bar", "met"],
        rows.map((r) => [r.title, r.ours, r.peer, r.compared, r.bar, r.met === undefined ? "" : r.met ? "yes" : "no"]),
      ),
      notes: [
        "grown: resident size less that of the same server when empty, two seconds after its start, over -m.",
        ...notes,
      ],
      passed: rows.every((row) => row.met !== false),
    };
  },
});

function pickParts(names: string): readonly string[] {
  if (names === "all") return PARTS;
  const parts = names.split(",");
  const wrong = parts.find((part) => !PARTS.includes(part as (typeof PARTS)[number]));
  if (wrong !== undefined) throw new CacheError("invalid_option", `no part "${wrong}"; there are: ${PARTS.join(", ")}`);
  return parts;
}

const overMemory = (bytes: number): string => `${(bytes / MEMORY_BYTES).toFixed(2)} (${mebibytes(bytes)} MiB)`;

function grownRow(title: string, oursBytes: number, peerBytes: number): Row {
  const met = oursBytes <= RSS_LIMIT * MEMORY_BYTES;
  return { title, ours: overMemory(oursBytes), peer: overMemory(peerBytes), compared: "", bar: `≤ ${RSS_LIMIT}`, met };
}

async function heldRows(pair: Pair, counts: Counts, progress: Progress): Promise<Row[]> {
  const rows: Row[] = [];
  const grown: Row[] = [];
  for (const { valueBytes, bar } of HELD) {
    // Four times what would fit without any overhead but the key.
    const keys = Math.ceil(((4 * MEMORY_BYTES) / (valueBytes + 16)) * counts.heldShare);
    const one = async (program: Program): Promise<ItemsHeld> =>
      withServer(program, memoryFlags, (server) => itemsHeld(server, keys, valueBytes));
    const [ours, peer] = [await one(pair.ours), await one(pair.peer)];
    const ratio = ours.counted / peer.counted;
    const base = { compared: `× ${ratio.toFixed(2)}`, bar: `≥ ${bar.toFixed(1)}`, met: ratio >= bar };
    rows.push({
      title: `items held, ${valueBytes} B values`,
      ours: grouped(ours.counted),
      peer: grouped(peer.counted),
      ...base,
    });
    const found = { ours: grouped(ours.found), peer: grouped(peer.found) };
    const foundRatio = `× ${(ours.found / peer.found).toFixed(2)}`;
    rows.push({ title: "… of them read back", ...found, compared: foundRatio, bar: "", met: undefined });
    grown.push(grownRow(`grown, full of ${valueBytes} B values`, ours.grownBytes, peer.grownBytes));
    progress(`${valueBytes} B values: ours ${ours.counted}, peer ${peer.counted} of ${keys}`);
  }
  return [...rows, ...grown];
}

async function mixedRows(pair: Pair, counts: Counts, notes: string[], progress: Progress): Promise<Row[]> {
  const one = (program: Program): ReturnType<typeof mixedSets> =>
    withServer(program, memoryFlags, (server) => mixedSets(server, counts.sets, 1, progress));
  const [ours, peer] = [await one(pair.ours), await one(pair.peer)];
  for (const [name, { refused, refusal }] of [
    ["ours", ours],
    ["peer", peer],
  ] as const) {
    if (refused > 0) notes.push(`Mixed sets that the ${name} server refused: ${refused} (${refusal}).`);
  }
  const what = `${grouped(counts.sets)} sets of 1 B–100 KiB`;
  const peak = grownRow(`grown, most during these`, ours.peakBytes, peer.peakBytes);
  return [grownRow(`grown, after ${what}`, ours.grownBytes, peer.grownBytes), { ...peak, bar: "", met: undefined }];
}

async function hitRows(pair: Pair, counts: Counts, notes: string[], progress: Progress): Promise<Row[]> {
  const zipf = new Zipf(counts.keys, 0.9);
  const rows: Row[] = [];
  for (const variant of variants) {
    const ours: number[] = [];
    const peer: number[] = [];
    for (let seed = 1; seed <= counts.seeds; seed++) {
      const traffic = new Traffic(zipf, variant, seed);
      const results = await withServers([pair.ours, pair.peer], memoryFlags, (...servers) =>
        hitRatios(servers, traffic, counts.requests, counts.requests),
      );
      const [a, b] = results as [(typeof results)[number], (typeof results)[number]];
      ours.push(a.ratio * 100);
      peer.push(b.ratio * 100);
      if (a.refused + b.refused > 0)
        notes.push(`${variant.name}, seed ${seed}: ours refused ${a.refused} sets, the peer ${b.refused}.`);
      progress(
        `hit ratio, ${variant.name}, seed ${seed}: ours ${ours.at(-1)!.toFixed(2)} %, peer ${peer.at(-1)!.toFixed(2)} %`,
      );
    }
    const points = mean(ours) - mean(peer);
    rows.push({
      title: `hit ratio, ${variant.name}`,
      ours: `${mean(ours).toFixed(2)} %`,
      peer: `${mean(peer).toFixed(2)} %`,
      compared: `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)} points`,
      bar: `≥ −${Math.abs(HIT_LIMIT_POINTS)}`,
      met: points >= HIT_LIMIT_POINTS,
    });
  }
  return rows;
}

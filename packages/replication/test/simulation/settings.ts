// What a run of the simulator is about: how many nodes, who knows whom, and with which options. All from the seed.

import type { Random } from "@marugoto/testing";
import type { ReplicationOptions } from "../../src/index.ts";

/**
 * What goes wrong in a run. `deaths`: processes are killed, started twice or stall for a moment, links are reset or slow.
 * `splits`: links are cut and processes stand still too. `consistent`: as splits, with a coordinator that can be away as well.
 */
export type Kind = "deaths" | "splits" | "consistent";

export interface Place {
  readonly name: string;
  readonly host: string;
  /** Hosts that its command line names. */
  readonly peers: readonly string[];
}

export interface Settings {
  readonly places: readonly Place[];
  readonly options: Partial<ReplicationOptions>;
  /** Each host is named on the command line of each other: none begins alone because it does not know better. */
  readonly isMesh: boolean;
  /** Bytes of a large value. */
  readonly largeBytes: number;
}

const mesh = (...hosts: string[]): Place[] =>
  hosts.map((host) => ({ name: host, host, peers: hosts.filter((other) => other !== host) }));

/** Both name each other. */
const pair = mesh("n1", "n2");

const trio = mesh("n1", "n2", "n3");

/** Two processes of one host with one replication port: one of them has it. */
const oneHost: readonly Place[] = ["n1", "n2"].map((name) => ({ name, host: "n1", peers: ["n1"] }));

/** Only the second names the first, which begins alone whenever it starts. */
const oneSided: readonly Place[] = [
  { name: "n1", host: "n1", peers: [] },
  { name: "n2", host: "n2", peers: ["n1"] },
];

/** The outer two know the middle alone. */
const line: readonly Place[] = [
  { name: "n1", host: "n1", peers: ["n2"] },
  { name: "n2", host: "n2", peers: ["n1", "n3"] },
  { name: "n3", host: "n3", peers: ["n2"] },
];

/** Two branches that can't see each other, below a master. */
const branches: readonly Place[] = [
  { name: "n1", host: "n1", peers: [] },
  { name: "n2", host: "n2", peers: ["n1"] },
  { name: "n3", host: "n3", peers: ["n1"] },
  { name: "n4", host: "n4", peers: ["n2"] },
  { name: "n5", host: "n5", peers: ["n3"] },
];

/** A line where a middle that dies leaves ends that go on apart: that is a split. */
const shapes: Readonly<Record<Kind, readonly (readonly Place[])[]>> = {
  deaths: [pair, pair, pair, pair, oneHost, trio, trio],
  splits: [pair, pair, pair, oneSided, line, branches, trio, trio],
  consistent: [pair, pair, pair, oneSided, line, branches, trio, trio],
};

export function drawSettings(random: Random, kind: Kind): Settings {
  const places = random.pick(shapes[kind]);
  const options: Partial<ReplicationOptions> = {};
  const sync = random.int(8);
  if (sync < 3) Object.assign(options, { syncReplicas: 1, syncDegrade: sync === 0 ? "answer" : "refuse" });
  const isSmall = random.chance(0.25);
  if (isSmall) Object.assign(options, { backlogBytes: 64 * 1024 });
  const isMesh = places !== oneSided && places !== line && places !== branches;
  return { places, options, isMesh, largeBytes: isSmall ? 20_000 : 5000 };
}

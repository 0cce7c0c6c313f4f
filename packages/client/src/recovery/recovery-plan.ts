// What becomes of the keys when servers fail and when they return: counted on real keys, for PHP's two classes, twemproxy
// and this client. It looks at no running server; it says what the rules will do, so that an operator knows beforehand.

import { CacheError } from "@marugoto/core";
import { GUTTER, NOWHERE, routesOf, type RecoveryLike, type RecoveryServer } from "./programs.ts";
import { sayPlan, stepsOf } from "./words.ts";

export interface RecoveryOptions {
  /** The program and its settings, named after its own. */
  readonly like: RecoveryLike;
  /** All servers of the pool, in the order that the program has them. */
  readonly servers: readonly RecoveryServer[];
  /** Addresses of those that fail together. At least one. */
  readonly failed: readonly string[];
  /** The site's own keys, which make the plan exact; default: 100 000 made-up ones, which give the shares. */
  readonly keys?: Iterable<string>;
}

/** Keys that go from one server to another. */
export interface RecoveryMove {
  readonly from: string;
  /** Address of the server; "gutter"; "nowhere": reads miss, writes fail. */
  readonly to: string;
  readonly keys: number;
  /** Of all keys, 0 to 1. */
  readonly share: number;
}

/** Copies that stay behind on a server when the failed ones are back. */
export interface StaleCopies {
  /** Where they are. */
  readonly on: string;
  /** Whose they are. */
  readonly of: string;
  /** At most so many: each key that is written while its server is down. */
  readonly keys: number;
  /** Of all keys, 0 to 1. */
  readonly share: number;
  /** The keys themselves; only when the plan was given keys. */
  readonly list?: readonly string[];
}

export interface RecoveryPlan {
  readonly like: RecoveryLike;
  /** The program, its settings and its servers in one line. */
  readonly program: string;
  readonly failed: readonly string[];
  /** Keys that were counted. */
  readonly keys: number;
  /** Every server's share of the keys with all up and with the failed ones down, 0 to 1. */
  readonly servers: readonly { readonly address: string; readonly before: number; readonly whileDown: number }[];
  readonly onFailure: {
    /** Largest first. */
    readonly moves: readonly RecoveryMove[];
    /** Share of keys whose server has failed. */
    readonly lost: number;
    /** Share of keys that move although their server is up: the price of a ring that is built anew. */
    readonly disturbed: number;
    /** Share of keys that nobody serves until the return: each read of them goes to the database. */
    readonly unserved: number;
    /** Share of keys whose first read goes to the database: lost and disturbed. */
    readonly fallThrough: number;
  };
  readonly onReturn: {
    /** What the others keep. It is served again should the same server fail once more. */
    readonly stale: readonly StaleCopies[];
    /** Share of keys whose first read goes to the database when the failed servers come back empty. */
    readonly fallThrough: number;
    /** Share of keys that had moved from a server that was up: it still has, and now serves, what was there before. */
    readonly staleServed: number;
    /** Share of keys served with old values, too, when a failed server comes back with its memory (frozen, cut off). */
    readonly staleIfNotEmpty: number;
  };
  /** What to do, in order. */
  readonly steps: readonly string[];
  /** The whole plan as text. */
  toString(): string;
}

/** Made-up keys of a plan that was given none. */
const SAMPLE_KEYS = 100_000;

/**
 * Works out what a failure and the return after it do to the keys.
 *
 * @throws CacheError `invalid_option`: a failed server that is not in the pool, none failed, no key that is placed, or
 * an option that the program does not have
 */
export function recoveryPlan(options: RecoveryOptions): RecoveryPlan {
  const { like, failed } = options;
  const addresses = options.servers.map((server) => (typeof server === "string" ? server : server.address));
  if (failed.length === 0) throw new CacheError("invalid_option", "no server has failed");
  for (const address of failed) {
    if (addresses.includes(address)) continue;
    throw new CacheError("invalid_option", `${address} has failed, but it is none of ${addresses.join(", ")}`);
  }
  const isDown = addresses.map((address) => failed.includes(address));
  const routes = routesOf(like, options.servers, isDown);
  const nameOf = (server: number) =>
    server === NOWHERE ? "nowhere" : server === GUTTER ? "gutter" : addresses[server]!;

  const flows = new Map<string, { from: number; to: number; keys: string[]; count: number }>();
  const before = new Float64Array(addresses.length);
  const during = new Float64Array(addresses.length);
  let count = 0;
  for (const key of options.keys ?? sampleKeys()) {
    const bytes = Buffer.from(key, "utf8");
    const from = routes.before(bytes);
    if (from === NOWHERE) continue;
    const to = routes.whileDown(bytes);
    count++;
    before[from]!++;
    if (to >= 0) during[to]!++;
    if (from === to) continue;
    const flow = flows.get(`${from} ${to}`) ?? { from, to, keys: [], count: 0 };
    flows.set(`${from} ${to}`, flow);
    flow.count++;
    if (options.keys) flow.keys.push(key);
  }
  if (count === 0) throw new CacheError("invalid_option", "there is no key to plan with");

  const sorted = [...flows.values()].sort((a, b) => b.count - a.count);
  const shareOf = (wanted: (flow: (typeof sorted)[number]) => boolean) =>
    sorted.filter(wanted).reduce((sum, flow) => sum + flow.count, 0) / count;
  const lost = shareOf(({ from }) => isDown[from]!);
  const disturbed = shareOf(({ from }) => !isDown[from]!);
  const plan: Omit<RecoveryPlan, "steps" | "toString"> = {
    like,
    program: routes.placement.describe(),
    failed,
    keys: count,
    servers: addresses.map((address, i) => ({
      address,
      before: before[i]! / count,
      whileDown: during[i]! / count,
    })),
    onFailure: {
      moves: sorted.map((flow) => ({
        from: nameOf(flow.from),
        to: nameOf(flow.to),
        keys: flow.count,
        share: flow.count / count,
      })),
      lost,
      disturbed,
      unserved: shareOf(({ to }) => to === NOWHERE),
      fallThrough: lost + disturbed,
    },
    onReturn: {
      stale: sorted
        .filter(({ to }) => to >= 0)
        .map((flow) => ({
          on: nameOf(flow.to),
          of: nameOf(flow.from),
          keys: flow.count,
          share: flow.count / count,
          ...(options.keys ? { list: flow.keys } : {}),
        })),
      fallThrough: lost,
      staleServed: disturbed,
      staleIfNotEmpty: lost,
    },
  };
  const steps = stepsOf(plan);
  return { ...plan, steps, toString: () => sayPlan(plan, steps) };
}

function* sampleKeys(): Generator<string> {
  for (let i = 0; i < SAMPLE_KEYS; i++) yield `key${i}`;
}

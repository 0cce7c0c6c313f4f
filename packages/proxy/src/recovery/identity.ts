// Which process a server is, told by its statistics, and who may flush it when it is a new one: several proxies and direct
// clients share the servers, and only the first to come may.

import { setTimeout as sleep } from "node:timers/promises";
import { CacheError, isCacheError } from "@marugoto/core";
import { Reply } from "@marugoto/protocol";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask, type Answer } from "./ask.ts";

/** What `stats` says, as far as it matters here. */
export interface ServerState {
  /** Process id and second of its start; undefined for a server that does not tell. */
  readonly identity: string | undefined;
  /** How often it was flushed. */
  readonly flushes: number;
  /** How many writes it has done, whoever asked for them; NaN when it does not tell. */
  readonly writes: number;
  /** How many of them, this proxy's, it had answered before. */
  readonly ownWrites: number;
}

/** Its counts of writes; cas is among its sets. */
const WRITE_COUNTS = [
  "cmd_set",
  "cmd_flush",
  "delete_hits",
  "delete_misses",
  "incr_hits",
  "incr_misses",
  "decr_hits",
  "decr_misses",
];

/** @throws CacheError when it does not answer */
export async function askState(pool: ProxyPool, node: Node): Promise<ServerState> {
  const rows = new Map<string, string>();
  let ownWrites = 0;
  const onEnd = () => {
    ownWrites = node.counts[NodeCount.writes]!;
  };
  const answer = await ask(pool, node, "", Buffer.from("stats\r\n"), { deadlineMs: pool.deadlineMs(), onEnd });
  for (const { reply, line } of answer) {
    const [, name = "", value = ""] = line.split(" ", 3);
    if (reply === Reply.stat) rows.set(name, value);
  }
  const number = (name: string) => Number(rows.get(name) ?? NaN);
  // Both come from one clock, so their difference stands still as long as the process lives.
  const startedAt = number("time") - number("uptime");
  const pid = rows.get("pid");
  const identity = pid === undefined || Number.isNaN(startedAt) ? undefined : `${pid}-${startedAt}`;
  const writes = WRITE_COUNTS.reduce((sum, name) => sum + number(name), 0);
  return { identity, flushes: number("cmd_flush") || 0, writes, ownWrites };
}

/**
 * Looks at a server in use: which process it is, and whether others write to it. What cannot be told now is told by the
 * next look.
 */
export async function lookAt(pool: ProxyPool, node: Node): Promise<void> {
  try {
    const state = await askState(pool, node);
    const { identity } = state;
    if (!node.inUse || identity === undefined) return;
    node.writesOfOthers.look(state, pool.underWay(node));
    node.identity = identity;
  } catch (error) {
    if (!isCacheError(error)) throw error;
  }
}

/** A claim that its owner has not made good on lapses after this, in seconds. */
const CLAIM_SEC = 5;

/** Between two looks at another's claim, in ms. */
const LOOK_AGAIN_MS = 50;

/**
 * Sees to it that a new process has been flushed once: by this proxy, or by the first that has come.
 *
 * @returns whether it was this proxy
 * @throws CacheError when it does not answer as a memcached does
 */
export async function flushOnce(pool: ProxyPool, node: Node, identity: string): Promise<boolean> {
  const marker = `marugoto:flushed:${identity}`;
  for (;;) {
    const claim = await say(pool, node, `add ${marker} 0 ${CLAIM_SEC} 7\r\nclaimed\r\n`);
    if (claim === "STORED") {
      await flush(pool, node);
      // The flush has taken the marker along.
      expectLine(await say(pool, node, `set ${marker} 0 0 7\r\nflushed\r\n`), "STORED", node);
      return true;
    }
    expectLine(claim, "NOT_STORED", node);
    const found = await tell(pool, node, `get ${marker}\r\n`);
    if (found[0]?.value?.toString("latin1") === "flushed") return false;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** @throws CacheError when it does not answer OK */
export async function flush(pool: ProxyPool, node: Node): Promise<void> {
  expectLine(await say(pool, node, "flush_all\r\n"), "OK", node);
}

function tell(pool: ProxyPool, node: Node, request: string): Promise<Answer> {
  return ask(pool, node, "", Buffer.from(request, "latin1"), { deadlineMs: pool.deadlineMs() });
}

async function say(pool: ProxyPool, node: Node, request: string): Promise<string> {
  const answer = await tell(pool, node, request);
  return answer.at(-1)!.line;
}

function expectLine(line: string, expected: string, node: Node): void {
  if (line === expected) return;
  throw new CacheError("protocol_violation", `${node.name}: expected ${expected}, got ${JSON.stringify(line)}`);
}

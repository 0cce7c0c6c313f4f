// The servers that stand in for those that are out of use. What is put there for a server carries the epoch of the ledger
// that says so in its key: a later outage has another and never sees what an earlier one has left. Nothing stays longer
// than the gutter's `ttl`.

import { createHash } from "node:crypto";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask, type Answer } from "./ask.ts";
import type { DetourRequest } from "./detour-request.ts";

const MAX_KEY_BYTES = 250;

/** A value found elsewhere. */
export interface Found {
  readonly value: Buffer;
  readonly flags: string;
  /** Seconds it has left there; undefined: it stays. */
  readonly ttlSec: number | undefined;
}

export class Gutter {
  /** The servers, as a pool of their own. */
  readonly pool: ProxyPool;
  ttlSec: number;

  constructor(pool: ProxyPool, ttlSec: number) {
    this.pool = pool;
    this.ttlSec = ttlSec;
  }

  /** Asks `node` of the gutter. @returns what the client is to be told. @throws CacheError */
  async request(node: Node, epoch: string, request: DetourRequest): Promise<Buffer> {
    const stored = storedKey(epoch, request.key);
    const bytes = request.under(stored, this.ttlSec, Math.floor(Date.now() / 1000));
    return request.told(await ask(this.pool, node, request.key, bytes, request), stored);
  }

  /** What was put there for a key; undefined: nothing, or a server that does not tell how long it stays. @throws CacheError */
  async find(node: Node, epoch: string, key: string, deadlineMs: number): Promise<Found | undefined> {
    const stored = storedKey(epoch, key);
    const request = Buffer.from(`mg ${stored} v f t k\r\n`, "latin1");
    return foundIn(await ask(this.pool, node, key, request, { deadlineMs }), stored);
  }

  /** Removes what was put there for a key. @throws CacheError */
  async forget(node: Node, epoch: string, key: string, deadlineMs: number): Promise<void> {
    const request = Buffer.from(`delete ${storedKey(epoch, key)}\r\n`, "latin1");
    await ask(this.pool, node, key, request, { deadlineMs });
  }
}

/** The key under which a gutter holds a key: with the epoch, and short enough. */
function storedKey(epoch: string, key: string): string {
  const plain = `${epoch}=${key}`;
  const isPlain = plain.length <= MAX_KEY_BYTES && !/[\0-\x20\x7f]/.test(key);
  return isPlain ? plain : `${epoch}#${createHash("sha256").update(key, "latin1").digest("base64url")}`;
}

/** What an answer to `mg … v f t k` holds; undefined: nothing, or the value of another key. */
export function foundIn(answer: Answer, key: string): Found | undefined {
  const [first] = answer;
  if (first?.value === undefined) return undefined;
  const flag = (letter: string) =>
    first.line
      .split(" ")
      .slice(2)
      .find((word) => word.startsWith(letter))
      ?.slice(1);
  if (flag("k") !== key) return undefined;
  const ttl = flag("t");
  return {
    value: first.value,
    flags: flag("f") ?? "0",
    ttlSec: ttl === undefined || ttl === "-1" ? undefined : Number(ttl),
  };
}

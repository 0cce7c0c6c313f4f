// The servers that stand in for those that are out of use. What is put there for a server carries the number of its outage
// in its key, and the number in force is read from the gutter with every request: several proxies agree on it without
// knowing each other, and nobody sees what an earlier outage has left. Nothing stays longer than the gutter's `ttl`.

import { createHash, randomBytes } from "node:crypto";
import { CacheError } from "@marugoto/core";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask, type Answer } from "./ask.ts";
import type { DetourRequest } from "./detour-request.ts";

const MAX_KEY_BYTES = 250;

/** Tries of one request: its outage's number may change while it is under way. */
const MAX_TRIES = 4;

/** A value found in the gutter. */
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
  /** Outage numbers as last read: by the name of the server that is out, then by gutter server. */
  readonly #numbers = new Map<string, Map<Node, Promise<string>>>();

  constructor(pool: ProxyPool, ttlSec: number) {
    this.pool = pool;
    this.ttlSec = ttlSec;
  }

  /** Asks the gutter in place of `out`. @returns what the client is to be told */
  async request(out: Node, request: DetourRequest): Promise<Buffer> {
    return this.#inOutage(out, request.key, request.deadlineMs, (node, key) => {
      const bytes = request.under(key, this.ttlSec, Math.floor(Date.now() / 1000));
      const answer = ask(this.pool, node, request.key, bytes, request);
      return { answer, result: (parts) => request.told(parts, key) };
    });
  }

  /** What was put there for a key; undefined: nothing, or a server that does not tell how long it stays. */
  async find(out: Node, key: string, deadlineMs: number): Promise<Found | undefined> {
    return this.#inOutage(out, key, deadlineMs, (node, stored) => {
      const answer = ask(this.pool, node, key, Buffer.from(`mg ${stored} v f t k\r\n`, "latin1"), { deadlineMs });
      return { answer, result: (parts) => foundIn(parts, stored) };
    });
  }

  /** Removes what was put there for a key. */
  async forget(out: Node, key: string, deadlineMs: number): Promise<void> {
    await this.#inOutage(out, key, deadlineMs, (node, stored) => {
      const answer = ask(this.pool, node, key, Buffer.from(`delete ${stored}\r\n`, "latin1"), { deadlineMs });
      return { answer, result: () => undefined };
    });
  }

  /**
   * What stands there for `out` will not be seen again: before the gutter is asked for it once more, the outage gets a new
   * number.
   */
  renew(out: Node): void {
    this.#numbers.delete(out.name);
  }

  /**
   * Gives the outage of `out` a new number at once, on all servers of the gutter that are in use, so that other proxies
   * see nothing of it either.
   */
  async end(out: Node, deadlineMs: number): Promise<void> {
    this.renew(out);
    const used = this.pool.nodes.filter((node) => node.inUse);
    await Promise.allSettled(used.map((node) => this.#setNumber(out, node, deadlineMs)));
  }

  /** A server of the gutter was out of use: what it holds may be older than what was written meanwhile. */
  distrust(node: Node): void {
    for (const numbers of this.#numbers.values()) numbers.delete(node);
  }

  /** Does what `start` does under the number of the outage, until the number is seen to have been in force. */
  async #inOutage<T>(
    out: Node,
    key: string,
    deadlineMs: number,
    start: (node: Node, storedKey: string) => { answer: Promise<Answer>; result: (answer: Answer) => T },
  ): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const node = this.pool.liveOwner(key);
      if (node === undefined) throw new CacheError("no_server", "no server of the gutter is in use");
      const number = await this.#numberOf(out, node, deadlineMs);
      const stored = storedKey(number, key);
      const { answer, result } = start(node, stored);
      // Read behind the request on the same connection: it was in force then, or nobody sees what was done.
      const marker = ask(this.pool, node, key, Buffer.from(`get ${markerOf(out)}\r\n`, "latin1"), { deadlineMs });
      const [parts, found] = await Promise.all([answer, marker]);
      const inForce = found[0]?.value?.toString("latin1");
      if (inForce === number) return result(parts);
      this.#note(out, node, inForce);
    }
    throw new CacheError("no_server", `the gutter does not keep the number of an outage of ${out.name}`);
  }

  #note(out: Node, node: Node, number: string | undefined): void {
    const numbers = this.#numbers.get(out.name);
    if (number === undefined) numbers?.delete(node);
    else numbers?.set(node, Promise.resolve(number));
  }

  /** The number to try. An outage of which this proxy knows none gets a new one. */
  #numberOf(out: Node, node: Node, deadlineMs: number): Promise<string> {
    let numbers = this.#numbers.get(out.name);
    if (numbers === undefined) this.#numbers.set(out.name, (numbers = new Map<Node, Promise<string>>()));
    const known = numbers.get(node);
    if (known !== undefined) return known;
    const fresh = this.#setNumber(out, node, deadlineMs);
    numbers.set(node, fresh);
    fresh.catch(() => {
      if (numbers.get(node) === fresh) numbers.delete(node);
    });
    return fresh;
  }

  async #setNumber(out: Node, node: Node, deadlineMs: number): Promise<string> {
    // Never twice the same, so that an evicted one can't come back.
    const number = randomBytes(6).toString("base64url");
    const request = Buffer.from(`set ${markerOf(out)} 0 0 ${number.length}\r\n${number}\r\n`, "latin1");
    const answer = await ask(this.pool, node, "", request, { deadlineMs });
    const { line } = answer.at(-1)!;
    if (line !== "STORED") throw new CacheError("server_error", `${node.name}: ${line}`);
    return number;
  }
}

/** The key under which a gutter server holds the number of a server's outage. */
function markerOf(out: Node): string {
  return `marugoto:outage:${digest(out.name)}`;
}

/** The key under which a gutter holds a key: with the outage's number, and short enough. */
function storedKey(number: string, key: string): string {
  const plain = `${number}=${key}`;
  const isPlain = plain.length <= MAX_KEY_BYTES && !/[\0-\x20\x7f]/.test(key);
  return isPlain ? plain : `${number}#${digest(key)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("base64url");
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

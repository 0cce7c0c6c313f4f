// How proxies that do not know each other hear that one of them has lost a server. Who has lost it declares its ledger on
// every server that it reaches; everybody asks every server for such declarations, ten times a second. What a proxy has
// heard is good for FRESH_MS from the moment it asked; who declares waits GRACE_MS, which is longer, before it writes
// anything elsewhere. So nobody takes the short way to a server whose keys may be elsewhere.

import { createHash } from "node:crypto";
import { CacheError, isCacheError } from "@marugoto/core";
import { Reply } from "@marugoto/protocol";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { type Answer, ask } from "./ask.ts";
import { Ledger } from "./ledger.ts";
import { type Place, placesOf } from "./place.ts";

/** Between two questions to a server, in ms. */
const POLL_MS = 100;

/** What a server has said is good for so long after it was asked, in ms. */
const FRESH_MS = 300;

/** From the last declaration's being made until everybody must have heard of it, in ms. */
export const GRACE_MS = 350;

/** A server that has not answered for so long is no longer waited for, in ms. */
const DEAF_MS = 500;

/** What is not declared again lapses after this, in seconds. */
const DECLARED_SEC = 5;

/** Tries of one declaration, when others declare theirs at the same time. */
const DECLARE_TRIES = 10;

/** A ledger that somebody has declared. */
export interface Declaration {
  readonly epoch: string;
  /** Label of the place where it stands. */
  readonly host: string;
  /** Of the configuration of who declared it. */
  readonly signature: string;
}

/** A server that is asked. */
interface Board {
  /** When it was asked what it has answered last, by `performance.now()`. */
  heardAtMs: number;
  /** Since when it is asked; undefined: it has answered. */
  askedAtMs: number | undefined;
  /** By the name of the server that was lost. */
  declared: ReadonlyMap<string, Declaration>;
}

export class Notices {
  readonly #pool: ProxyPool;
  readonly #boards = new Map<Node, Board>();
  #timer: NodeJS.Timeout | undefined;
  #tickedAtMs = 0;
  #waiting: (() => void)[] = [];
  /** Called at each tick, after the servers were asked. */
  readonly #onTick: () => void;
  readonly #onHeard: () => void;

  constructor(pool: ProxyPool, onTick: () => void, onHeard: () => void) {
    this.#pool = pool;
    this.#onTick = onTick;
    this.#onHeard = onHeard;
  }

  /** The configuration has changed: whether there is anything to hear of depends on it. */
  restart(): void {
    this.stop();
    const { nodes, writesElsewhere } = this.#pool;
    for (const node of nodes) {
      if (!writesElsewhere) node.freshUntilMs = Infinity;
      else if (node.freshUntilMs === Infinity) node.freshUntilMs = 0;
    }
    if (!writesElsewhere) return;
    this.#timer = setInterval(() => {
      this.#tick();
    }, POLL_MS);
    this.#timer.unref();
    // Not from within the making of the pool.
    queueMicrotask(() => {
      this.#tick();
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#wake();
  }

  /** Waits until what is known of a server's keys is fresh; not longer than the deadline. */
  async whenFresh(node: Node, deadlineMs: number): Promise<void> {
    while (performance.now() >= node.freshUntilMs) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0 || this.#pool.isClosed) return;
      this.#pollAll();
      if (performance.now() < node.freshUntilMs) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, POLL_MS));
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Ledgers of a lost server that are declared anywhere, the oldest first. */
  declared(node: Node): Declaration[] {
    const found = new Map<string, Declaration>();
    for (const { declared } of this.#boards.values()) {
      const each = declared.get(node.name);
      if (each !== undefined) found.set(each.epoch, each);
    }
    return [...found.values()].sort((a, b) => (a.epoch < b.epoch ? -1 : 1));
  }

  /**
   * Declares a ledger on all servers that are in use. A declaration of another ledger stays when `isAlive` says so.
   *
   * @returns another that stays; undefined: there is none, and at least one server has taken this one
   * @throws CacheError when no server has taken it
   */
  async declare(
    node: Node,
    ledger: Ledger,
    isAlive: (other: Declaration) => Promise<boolean>,
  ): Promise<Declaration | undefined> {
    const mine = { epoch: ledger.epoch, host: ledger.host.label, signature: this.signature };
    const results = await Promise.allSettled(
      this.#places(node).map((place) => this.#declareOn(place, node, mine, isAlive)),
    );
    for (const result of results) {
      if (result.status === "rejected") {
        if (!isCacheError(result.reason)) throw result.reason;
      } else if (result.value !== undefined) return result.value;
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined && results.every((result) => result.status === "rejected")) throw failed.reason;
    return undefined;
  }

  /** What proxies with the same configuration have in common. */
  get signature(): string {
    const { name, servers, placement, gutter } = this.#pool.config;
    const names = servers.map((server) => [server.name, server.weight]);
    const text = JSON.stringify([name, names, placement, gutter?.servers.map((server) => server.name)]);
    return digest(text).slice(0, 12);
  }

  // ---- asking ----

  /** Where the loss of a server can be heard of. */
  #places(node?: Node): Place[] {
    return placesOf(this.#pool).filter((place) => place.node.inUse && place.node !== node);
  }

  #tick(): void {
    if (this.#pool.isClosed) return;
    const nowMs = performance.now();
    // A loop that has stood still says nothing about the servers.
    const isRegular = nowMs - this.#tickedAtMs < 3 * POLL_MS;
    this.#tickedAtMs = nowMs;
    this.#pollAll();
    this.#refresh(isRegular);
    this.#onTick();
  }

  #pollAll(): void {
    for (const { node } of this.#places()) if (!this.#boards.has(node)) this.#boards.set(node, newBoard());
    const places = this.#places();
    for (const [node] of this.#boards) {
      if (!places.some((place) => place.node === node)) this.#boards.delete(node);
    }
    for (const place of places) {
      const board = this.#boards.get(place.node)!;
      if (board.askedAtMs === undefined) void this.#poll(place, board);
    }
  }

  async #poll(place: Place, board: Board): Promise<void> {
    const lost = this.#pool.nodes.filter((node) => node !== place.node);
    if (lost.length === 0) return;
    const askedAtMs = performance.now();
    board.askedAtMs = askedAtMs;
    try {
      const request = `get ${lost.map((node) => this.#key(node)).join(" ")}\r\n`;
      const answer = await say(place, request, this.#pool.deadlineMs());
      if (answer.at(-1)?.reply !== Reply.end) return;
      board.declared = this.#declarationsIn(answer, lost);
      board.heardAtMs = askedAtMs;
      this.#onHeard();
      this.#refresh(false);
    } catch (error) {
      if (!isCacheError(error)) throw error;
    } finally {
      board.askedAtMs = undefined;
    }
  }

  #declarationsIn(answer: Answer, lost: readonly Node[]): Map<string, Declaration> {
    const found = new Map<string, Declaration>();
    for (const { line, value } of answer) {
      const key = line.split(" ")[1];
      const node = value === undefined ? undefined : lost.find((each) => this.#key(each) === key);
      const declaration = node === undefined ? undefined : declarationOf(value!);
      if (declaration !== undefined) found.set(node!.name, declaration);
    }
    return found;
  }

  /** Until when the short way to each server is open. */
  #refresh(forgetsDeaf: boolean): void {
    const nowMs = performance.now();
    for (const node of this.#pool.nodes) {
      let heardAtMs = -Infinity;
      let isAnyAsked = false;
      for (const [each, board] of this.#boards) {
        if (each === node) continue;
        heardAtMs = Math.max(heardAtMs, board.heardAtMs);
        const isDeaf = board.askedAtMs !== undefined && nowMs - board.askedAtMs > DEAF_MS;
        if (!isDeaf || !forgetsDeaf) isAnyAsked = true;
      }
      // With nobody to ask, nothing can be heard.
      node.freshUntilMs = isAnyAsked ? heardAtMs + FRESH_MS : Infinity;
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  // ---- declaring ----

  async #declareOn(
    place: Place,
    node: Node,
    mine: Declaration,
    isAlive: (other: Declaration) => Promise<boolean>,
  ): Promise<Declaration | undefined> {
    const key = this.#key(node);
    const text = `${mine.epoch} ${mine.signature} ${mine.host}`;
    for (let tries = 0; tries < DECLARE_TRIES; tries++) {
      const deadlineMs = this.#pool.deadlineMs();
      const answer = await say(place, `gets ${key}\r\n`, deadlineMs);
      const [row] = answer;
      const other = row?.value === undefined ? undefined : declarationOf(row.value);
      let request: string;
      if (row?.value === undefined) {
        request = `add ${key} 0 ${DECLARED_SEC} ${text.length}\r\n${text}\r\n`;
      } else {
        if (other !== undefined && other.epoch !== mine.epoch && (await isAlive(other))) return other;
        const unique = row.line.split(" ")[4] ?? "0";
        request = `cas ${key} 0 ${DECLARED_SEC} ${text.length} ${unique}\r\n${text}\r\n`;
      }
      const reply = (await say(place, request, deadlineMs)).at(-1);
      if (reply?.reply === Reply.stored) return undefined;
      // Somebody else was faster.
      if (reply?.reply === Reply.notStored || reply?.reply === Reply.exists || reply?.reply === Reply.notFound)
        continue;
      throw refusal(place, reply?.line ?? "");
    }
    throw refusal(place, "others declare a ledger again and again");
  }

  #key(node: Node): string {
    return `marugoto:away:${digest(`${this.#pool.config.name}\n${node.name}`)}`;
  }
}

function newBoard(): Board {
  return { heardAtMs: -Infinity, askedAtMs: undefined, declared: new Map() };
}

function say({ pool, node }: Place, request: string, deadlineMs: number): Promise<Answer> {
  return ask(pool, node, "", Buffer.from(request, "latin1"), { deadlineMs });
}

function refusal({ node }: Place, line: string): CacheError {
  return new CacheError("server_error", `${node.name}: ${line}`);
}

function declarationOf(value: Buffer): Declaration | undefined {
  const [epoch = "", signature = "", host = ""] = value.toString("latin1").split(" ");
  return Ledger.isEpoch(epoch) && host !== "" ? { epoch, signature, host } : undefined;
}

function digest(text: string): string {
  return createHash("sha1").update(text, "latin1").digest("hex");
}

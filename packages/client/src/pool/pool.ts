// A pool of servers and its two doors. The lower one moves bytes: no promise, no decoding. The upper one moves ops, which
// the client and the personalities make. Which server is asked is the failover policy's word alone.

import { performance } from "node:perf_hooks";
import { CacheError, TypedEvents } from "@marugoto/core";
import { TickEnd } from "@marugoto/transport";
import type { Connection } from "../connection/connection.ts";
import { checkSocketOptions } from "../connection/dial.ts";
import { Expect, type Sink } from "../connection/sink.ts";
import {
  Operation,
  Refusal,
  type FailoverPolicy,
  type FailureReason,
  type PoolServer,
  type Trail,
} from "../failover/failover.ts";
import { Aborts } from "../operation/aborts.ts";
import type { LineLimits } from "../operation/get-line.ts";
import type { OpHost } from "../operation/host.ts";
import { KeyEncoder, type KeyRules } from "../operation/keys.ts";
import { copyRequest, makePart, makeReturn } from "../operation/copies.ts";
import { Op } from "../operation/op.ts";
import { Tally } from "../operation/tally.ts";
import type { PoolEvents } from "./events.ts";
import { checkPositive, defaults, toPoolServer, type PoolOptions, type ServerSpec } from "./options.ts";
import { refusalError } from "./refusal-error.ts";
import { ServerLink, type LinkContext } from "./server-link.ts";
import { Ticker } from "./ticker.ts";

/** Settled ops that are kept to be used again. */
const MAX_SPARE_OPS = 4096;

/** Where ops go that no server of this pool can take. */
export interface Gutter {
  readonly pool: Pool;
  /** Nothing stays there longer than this, in seconds. */
  readonly ttlSec: number;
}

/** Of a request through the lower door. */
export interface SendOptions {
  /** By `performance.now()`; default: now + `timeouts.requestMs`. Infinity = none. */
  readonly deadlineMs?: number;
  /** See `Expect`; default `Expect.one`. */
  readonly expect?: number;
}

const plainKeys: KeyRules = { policy: "reject", prefix: Buffer.alloc(0), hashPrefix: true };

export class Pool implements OpHost {
  readonly events = new TypedEvents<PoolEvents>();
  readonly encoder = new KeyEncoder();
  readonly aborts = new Aborts();
  readonly lineLimits: LineLimits;
  readonly policy: FailoverPolicy;
  requestTimeoutMs: number;
  gutter: Gutter | null = null;
  #links: ServerLink[] = [];
  /** Removed, and still answering what they were asked. */
  readonly #leaving = new Set<ServerLink>();
  readonly #context: LinkContext;
  readonly #spare: Op[] = [];
  readonly #serverKey = new KeyEncoder();
  #closing = false;

  // ---- one flush per tick ----
  #now = 0;
  #flushScheduled = false;
  readonly #schedule: (flush: () => void) => void;
  readonly #tickEnd: TickEnd | null;
  #dirty: Connection[] = [];
  readonly #flush = () => {
    this.#flushScheduled = false;
    for (let connection = this.#dirty.pop(); connection !== undefined; connection = this.#dirty.pop()) {
      connection.flush();
    }
  };

  readonly #ticker = new Ticker((nowMs) => this.#expire(nowMs));

  /** @throws CacheError `invalid_option`, `invalid_endpoint` */
  constructor(options: PoolOptions, policy: FailoverPolicy) {
    const { timeouts = {}, limits = {} } = options;
    this.policy = policy;
    this.#tickEnd = options.schedule === undefined ? new TickEnd(this.#flush) : null;
    this.#schedule = options.schedule ?? this.#tickEnd!.schedule;
    this.requestTimeoutMs = checkPositive("timeouts.requestMs", timeouts.requestMs ?? defaults.timeouts.requestMs);
    this.lineLimits = {
      maxKeys: checkPositive("limits.maxLineKeys", limits.maxLineKeys ?? defaults.limits.maxLineKeys),
      maxBytes: checkPositive("limits.maxLineBytes", limits.maxLineBytes ?? defaults.limits.maxLineBytes),
    };
    this.#context = {
      policy,
      events: this.events,
      encoder: this.encoder,
      socket: checkSocketOptions(options.socket ?? {}),
      authentication: options.authentication,
      connectTimeoutMs: checkPositive("timeouts.connectMs", timeouts.connectMs ?? defaults.timeouts.connectMs),
      stallMs: checkPositive("timeouts.stallMs", timeouts.stallMs ?? Math.max(250, this.requestTimeoutMs)),
      maxBackoffMs: checkPositive("timeouts.maxBackoffMs", timeouts.maxBackoffMs ?? defaults.timeouts.maxBackoffMs),
      maxRequests: checkPositive("limits.maxRequests", limits.maxRequests ?? defaults.limits.maxRequests),
      maxBytes: checkPositive("limits.maxBytes", limits.maxBytes ?? defaults.limits.maxBytes),
      maxValueBytes: checkPositive("limits.maxValueBytes", limits.maxValueBytes ?? defaults.limits.maxValueBytes),
      protocol: options.protocol ?? "auto",
      random: Math.random,
      ref: true,
      now: () => this.now(),
      scheduleFlush: (connection) => {
        this.#dirty.push(connection);
        this.#scheduleFlush();
      },
      readEnds: () => {
        this.#tickEnd?.finish();
      },
      copy: (template, server) => {
        this.#copy(template, server);
      },
      wakeTicker: () => {
        this.#ticker.wake();
      },
    };
    policy.onChange = (server, usable, error) => {
      const link = this.#links[server];
      if (!link) return;
      if (usable) {
        this.events.emit("serverUp", { server: link.server.name });
      } else {
        this.events.emit("serverDown", { server: link.server.name, error });
        link.putOutOfUse(error);
      }
    };
    this.setServers(options.servers);
  }

  // ---- members ----

  /** In order; a server index counts in this list. */
  get servers(): readonly PoolServer[] {
    return this.#links.map((link) => link.server);
  }

  get links(): readonly ServerLink[] {
    return this.#links;
  }

  /**
   * The members from now on. Connections of servers that stay are kept; those of servers that go are closed when what
   * they were asked has been answered.
   */
  setServers(specs: readonly ServerSpec[]): void {
    this.#setLinks(
      specs.map((spec) => {
        const server = toPoolServer(spec);
        const stays = this.#links.find((link) => isSame(link.server, server));
        return stays ?? new ServerLink(server, -1, this.#context);
      }),
    );
  }

  /** Adds a server at the end. */
  addServer(spec: ServerSpec): void {
    this.addServers([spec]);
  }

  addServers(specs: readonly ServerSpec[]): void {
    const added = specs.map((spec) => new ServerLink(toPoolServer(spec), -1, this.#context));
    this.#setLinks([...this.#links, ...added]);
  }

  /**
   * Takes a server out. What it was asked already is still answered.
   *
   * @param name its name or address
   * @returns false: there was none
   */
  removeServer(name: string): boolean {
    const stays = this.#links.filter((link) => link.server.name !== name && link.address !== name);
    if (stays.length === this.#links.length) return false;
    this.#setLinks(stays);
    return true;
  }

  #setLinks(links: ServerLink[]): void {
    if (this.#closing) throw new CacheError("closed", "this client is closed");
    const unique = new Set(links);
    const seen = new Set<ServerLink>();
    // The same address twice is two members with a connection each, as in PHP.
    const next = links.map((link) => {
      if (!seen.has(link)) {
        seen.add(link);
        return link;
      }
      return new ServerLink(link.server, -1, this.#context);
    });
    // Rules that refuse the members leave everything as it was.
    this.policy.setServers(next.map((link) => link.server));
    const gone = this.#links.filter((link) => !unique.has(link));
    this.#links = next;
    for (const [index, link] of next.entries()) link.index = index;
    for (const link of gone) {
      link.index = -1;
      this.#leaving.add(link);
      void link.close().then(() => this.#leaving.delete(link));
    }
    this.events.emit("topology", { servers: next.map((link) => link.server.name) });
  }

  // ---- the lower door ----

  /**
   * Sends one request, written by the caller, to one server. The bytes are copied at once and leave with everything else
   * of this tick in one write. The sink hears of every answer, or of the failure.
   *
   * @param server index into `servers`
   * @param bytes whole requests only, that are answered as `options.expect` says
   * @returns a ticket for `cancel`
   * @throws CacheError `queue_full`, `closed`, `no_server`
   */
  send(server: number, bytes: Uint8Array, start: number, end: number, sink: Sink, options?: SendOptions): number {
    if (this.#closing) throw new CacheError("closed", "this client is closed");
    const connection = this.#link(server).writable();
    connection.begin().append(bytes, start, end);
    const deadlineMs = options?.deadlineMs ?? this.now() + this.requestTimeoutMs;
    return connection.push(sink, deadlineMs, options?.expect ?? Expect.one);
  }

  /**
   * Detaches a sink: what is still to come for it is read and dropped. Nothing happens when it has ended already.
   *
   * @param server index into `servers`, of the server that `send` was told: another one when members have changed since
   */
  cancel(server: number, ticket: number): void {
    this.#link(server).cancel(ticket);
  }

  #link(server: number): ServerLink {
    const link = this.#links[server];
    if (!link) throw new CacheError("no_server", `there is no server ${server} of ${this.#links.length}`);
    return link;
  }

  // ---- the upper door ----

  /** A fresh op. Fill it in, then `promise()` or `start()`. */
  take(): Op {
    const op = this.#spare.pop();
    return op ?? new Op(this);
  }

  recycle(op: Op): void {
    op.reset();
    if (this.#spare.length < MAX_SPARE_OPS) this.#spare.push(op);
  }

  dispatch(op: Op): void {
    const encoder = this.encoder;
    try {
      if (this.#closing) throw new CacheError("closed", "this client is closed");
      op.deadlineMs = this.now() + op.timeoutMs;
      encoder.encode(op.key, op.keys);
      const hashed = op.serverKey === null ? encoder : this.#encodeServerKey(op.serverKey);
      const server = this.policy.first(hashed.bytes, hashed.hashStart, hashed.end, op.operation);
      if (server < 0) this.#refuseFirst(op, server, hashed);
      else if (this.policy.copies === undefined || op.isRead) this.#links[server]!.submit(op);
      else this.#submitWithCopies(op, server);
    } catch (error) {
      this.#failOp(op, error);
    }
  }

  /** What can't be written fails; what is no error of ours is a defect and must not vanish. */
  #failOp(op: Op, error: unknown): void {
    if (error instanceof CacheError) {
      if (error.code === "queue_full") this.giveUp(op, error);
      else op.fail(error);
    } else if (error instanceof TypeError) {
      op.failWith(error);
    } else {
      throw error;
    }
  }

  #encodeServerKey(serverKey: string | Uint8Array): KeyEncoder {
    this.#serverKey.encode(serverKey, plainKeys);
    return this.#serverKey;
  }

  /** The encoder that holds the bytes which choose the op's server. */
  #encodeHashed(op: Op): KeyEncoder {
    if (op.serverKey !== null) return this.#encodeServerKey(op.serverKey);
    this.encoder.encode(op.key, op.keys);
    return this.encoder;
  }

  /** Who owns the key by what is known now: an index, or -1. */
  owner(key: string | Uint8Array, keys: KeyRules, serverKey: string | Uint8Array | null = null): number {
    const encoder = serverKey === null ? this.encoder : this.#encodeServerKey(serverKey);
    if (serverKey === null) encoder.encode(key, keys);
    return this.policy.owner(encoder.bytes, encoder.hashStart, encoder.end);
  }

  /** The owner is not asked, but its copies may be. */
  #refuseFirst(op: Op, why: number, hashed: KeyEncoder): void {
    if (this.#reachesCopies(op)) {
      const owner = this.policy.owner(hashed.bytes, hashed.hashStart, hashed.end);
      if (owner >= 0) this.#copy(op, owner);
    }
    this.#refuse(op, why, this.#encodeHashed(op));
  }

  #refuse(op: Op, why: number, hashed: KeyEncoder): void {
    const owner = this.policy.owner(hashed.bytes, hashed.hashStart, hashed.end);
    const link = this.#links[owner];
    link?.wanted();
    this.giveUp(op, refusalError(why, link?.address ?? "pool"));
  }

  failedOver(op: Op, error: CacheError, reason: FailureReason): void {
    const link = op.link;
    const index = link?.index ?? -1;
    // A caller in a hurry says nothing about the server.
    const isSlow = reason === "timeout" && op.timeoutMs >= this.requestTimeoutMs;
    if (isSlow && index >= 0) this.policy.timedOut(index);
    if (this.#closing) {
      op.fail(error);
      return;
    }
    if (op.isCopy) {
      op.fail(error);
      return;
    }
    if (!op.isRead && this.events.has("writeFailed")) {
      this.events.emit("writeFailed", { server: link?.server.name ?? "", key: keyText(op.key), error });
    }
    if (reason === "timeout" && this.policy.timeoutEndsRequest) {
      this.giveUp(op, error);
      return;
    }
    try {
      if (
        reason === "connect_failed" &&
        this.policy.reconnect === "on-demand" &&
        link?.isFirstToFail(error) === false
      ) {
        this.#startAgain(op);
        return;
      }
      const failed = (op.failed ??= []);
      failed.push(index);
      const encoder = this.#encodeHashed(op);
      const trail: Trail = { failed, reason, probes: op.probes };
      const server = this.policy.next(encoder.bytes, encoder.hashStart, encoder.end, op.operation, trail);
      op.probes = trail.probes;
      if (server === Refusal.lastError) this.giveUp(op, error);
      else if (server < 0) this.giveUp(op, refusalError(server, link?.address ?? "pool", error));
      else this.#resubmit(op, server);
    } catch (thrown) {
      this.#failOp(op, thrown);
    }
  }

  /** It has only waited for a connect that was another's to fail on. */
  #startAgain(op: Op): void {
    const hashed = this.#encodeHashed(op);
    const server = this.policy.first(hashed.bytes, hashed.hashStart, hashed.end, op.operation);
    if (server < 0) this.#refuse(op, server, hashed);
    else this.#resubmit(op, server);
  }

  askAgain(op: Op): void {
    try {
      this.#submitTo(op.link!, op);
    } catch (error) {
      this.#failOp(op, error);
    }
  }

  giveBackLease(op: Op): void {
    const { link } = op;
    if (link === null) return;
    const giveBack = this.take();
    makeReturn(op, giveBack);
    giveBack.link = link;
    this.askAgain(giveBack);
  }

  #resubmit(op: Op, server: number): void {
    // A server that let the time pass has used up its own share of it, not the share of the next.
    const now = performance.now();
    if (op.deadlineMs <= now) op.deadlineMs = now + op.timeoutMs;
    this.#submitTo(this.#links[server]!, op);
  }

  giveUp(op: Op, error: CacheError): void {
    switch (op.onFailurePolicy) {
      case "miss":
        op.settle(op.isRead ? undefined : op.missResult);
        return;
      case "next":
        this.#spareServer(op, error);
        return;
      case "gutter": {
        const gutter = this.gutter;
        if (gutter === null || op.host !== this) {
          op.fail(error);
          return;
        }
        op.enterGutter(gutter.pool, gutter.ttlSec);
        return;
      }
      case "throw":
      default:
        op.fail(error);
    }
  }

  /** The owner of `KEY-0`, `KEY-1` …, the first that is in use and has not failed: its load spreads over all others. */
  #spareServer(op: Op, error: CacheError): void {
    try {
      const encoder = this.#encodeHashed(op);
      const end = encoder.end;
      const bytes = Buffer.allocUnsafe(end + 12);
      encoder.bytes.copy(bytes, 0, 0, end);
      for (; op.probes < 20; op.probes++) {
        const length = end + bytes.write(`-${op.probes}`, end, "latin1");
        const server = this.policy.first(bytes, encoder.hashStart, length, op.operation);
        if (server < 0 || op.failed?.includes(server)) continue;
        op.probes++;
        this.#resubmit(op, server);
        return;
      }
      op.fail(error);
    } catch (thrown) {
      this.#failOp(op, thrown);
    }
  }

  // ---- writes that the rules want on several servers ----

  #submitWithCopies(op: Op, server: number): void {
    const link = this.#links[server]!;
    if (this.policy.copiesAnswer === true) {
      const copies = this.#copiesOf(op, server);
      if (copies.length > 0) this.#submitParts(op, link, copies);
      else this.#submitTo(link, op);
      return;
    }
    link.submit(op);
    if (link.isUp || this.policy.copiesFollowConnect !== true || this.#reachesCopies(op)) {
      this.#copy(op, server);
      return;
    }
    const template = this.take();
    copyRequest(op, template);
    link.copyWhenUp(template);
  }

  /** It goes to the copies whatever becomes of it at the owner. */
  #reachesCopies(op: Op): boolean {
    return this.policy.deletesCopies === true && op.operation === Operation.delete;
  }

  /** The answers of all parts make the answer. */
  #submitParts(op: Op, link: ServerLink, copies: readonly number[]): void {
    const links = [link, ...copies.map((index) => this.#links[index]!)];
    const tally = new Tally(op, links.length);
    op.tally = tally;
    for (const [index, each] of links.entries()) {
      const part = this.take();
      makePart(op, part, tally, index);
      try {
        this.#submitTo(each, part);
      } catch (error) {
        this.#failOp(part, error);
      }
    }
  }

  /** Copies whose ends nobody waits for. */
  #copy(op: Op, server: number): void {
    for (const index of this.#copiesOf(op, server)) {
      const copy = this.take();
      copyRequest(op, copy);
      const link = this.#links[index]!;
      try {
        if (this.policy.copiesWait && !this.#reachesCopies(op)) link.delay(copy);
        else this.#submitTo(link, copy);
      } catch (error) {
        this.#failOp(copy, error);
      }
    }
  }

  #copiesOf(op: Op, server: number): readonly number[] {
    const encoder = this.#encodeHashed(op);
    const copies: number[] = [];
    this.policy.copies!(encoder.bytes, encoder.hashStart, encoder.end, op.operation, server, copies);
    return copies;
  }

  #submitTo(link: ServerLink, op: Op): void {
    this.encoder.encode(op.key, op.keys);
    link.submit(op);
  }

  // ---- ticks and time ----

  /** `performance.now()`, read at most once a tick while calls are made. */
  now(): number {
    if (!this.#flushScheduled) {
      this.#now = performance.now();
      this.#scheduleFlush();
    }
    return this.#now;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#ticker.wake();
    this.#schedule(this.#flush);
  }

  /** @returns true while anything waits for time to pass */
  #expire(nowMs: number): boolean {
    let busy = false;
    for (const link of this.#links) busy = link.expire(nowMs) || busy;
    for (const link of this.#leaving) busy = link.expire(nowMs) || busy;
    return busy;
  }

  // ---- the end ----

  /** How long calls without a time of their own, and tries to connect, may take from now on, in ms. */
  setTimeouts(requestMs: number, connectMs: number): void {
    this.requestTimeoutMs = checkPositive("requestMs", requestMs);
    this.#context.connectTimeoutMs = checkPositive("connectMs", connectMs);
    this.#context.stallMs = Math.max(250, requestMs);
  }

  /** Dials every server that has no connection. */
  dialAll(): void {
    for (const link of this.#links) link.dial();
  }

  ref(): void {
    this.#context.ref = true;
    for (const link of this.#links) link.connection?.ref();
  }

  /** Lets the process end while connections are open. */
  unref(): void {
    this.#context.ref = false;
    for (const link of this.#links) link.connection?.unref();
  }

  /** Takes no further call, lets the open ones be answered, then closes every connection. */
  async close(): Promise<void> {
    const links = [...this.#links, ...this.#leaving];
    this.#closing = true;
    await Promise.all(links.map((link) => link.close()));
    this.#finish();
  }

  /** Closes at once; what waits fails with `closed`. */
  destroy(): void {
    this.#closing = true;
    const error = new CacheError("closed", "this client was destroyed");
    for (const link of [...this.#links, ...this.#leaving]) link.destroy(error);
    this.#finish();
  }

  #finish(): void {
    this.#ticker.close();
    this.#spare.length = 0;
  }
}

function isSame(a: PoolServer, b: PoolServer): boolean {
  return a.name === b.name && a.weight === b.weight && JSON.stringify(a.endpoint) === JSON.stringify(b.endpoint);
}

function keyText(key: string | Uint8Array): string {
  return typeof key === "string" ? key : Buffer.from(key).toString("latin1");
}

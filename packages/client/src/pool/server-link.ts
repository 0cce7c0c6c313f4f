// One server of a pool: its connection, the protocol it speaks, and dialling it again when it is down. It reports to the
// rules of failover and does as they say; it never chooses a server.

import { CacheError, formatEndpoint, type TypedEvents } from "@marugoto/core";
import {
  Connection,
  type ConnectionOptions,
  type ConnectionOwner,
  type TextAuthentication,
} from "../connection/connection.ts";
import type { SocketOptions } from "../connection/dial.ts";
import type { FailoverPolicy, FailureReason, PoolServer } from "../failover/failover.ts";
import type { KeyEncoder } from "../operation/keys.ts";
import type { Op } from "../operation/op.ts";
import { traceConnect, type ConnectEnd } from "../tracing.ts";
import type { PoolEvents } from "./events.ts";
import { startProbe, type Probe, type ProbeResult } from "./probe.ts";

/** Longest wait before dialling again while callers want the server, in ms; with jitter at most 75. */
const WANTED_MAX_MS = 60;

/** libmemcached's write buffer (MEMCACHED_MAX_BUFFER) about so: what is beyond makes it write. */
const MAX_DELAYED_BYTES = 8196;
/** Of a request beside its key and value, about. */
const HEAD_BYTES = 40;

/** Probes in a row without any answer, after which a server that answers other commands is taken for classic. */
const MAX_SILENCES = 3;

/** What all links of a pool share. */
export interface LinkContext {
  readonly policy: FailoverPolicy;
  readonly events: TypedEvents<PoolEvents>;
  readonly encoder: KeyEncoder;
  readonly socket: SocketOptions;
  readonly authentication: TextAuthentication | undefined;
  connectTimeoutMs: number;
  stallMs: number;
  readonly maxValueBytes: number;
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** Longest wait before dialling again while nobody wants the server. */
  readonly maxBackoffMs: number;
  readonly protocol: "auto" | "classic" | "meta";
  readonly random: () => number;
  ref: boolean;
  /** `performance.now()`, read once a tick. */
  now(): number;
  /** `connection.flush` is to be called at the end of this tick. */
  scheduleFlush(connection: Connection): void;
  /** A read has been parsed and its answers given out; nothing of ours follows in this callback of the event loop. */
  readEnds(): void;
  /** Sends the copies of an op to the servers that the rules name now. */
  copy(template: Op, server: number): void;
  /** Something waits for time to pass. */
  wakeTicker(): void;
}

export class ServerLink implements ConnectionOwner {
  readonly server: PoolServer;
  /** `host:port` or the path. */
  readonly address: string;
  /** Its place in the pool; -1 when it is no member any more. */
  index: number;
  connection: Connection | null = null;
  /** undefined: not known (yet). */
  meta: boolean | undefined;
  /** It keeps silent at `mn`: asking again would cost the silence again. */
  #keepClassic = false;
  /** Classic for want of an answer; what needs meta waits while a probe is under way. */
  #provisional = false;
  #probe: Probe | null = null;
  /** Hears how the connect under way ends. */
  #traced: ConnectEnd | undefined;
  /** Probes in a row that have had no answer. */
  #silences = 0;
  /** Probes that have not reached the server while this connection did. */
  #missed = 0;
  /** Tickets go on from connection to connection, so that one of the last says nothing about a request on this. */
  #nextTicket = 0;
  readonly #held = new Set<Op>();
  #heldBytes = 0;
  /** Copies that wait for something else to be sent. */
  readonly #delayed: Op[] = [];
  #delayedBytes = 0;
  /** What is to be copied to other servers once this one is up. */
  readonly #templates: Op[] = [];
  /** The connect that some request has failed on. */
  #failedConnect: CacheError | undefined;
  readonly #context: LinkContext;
  /** Failed tries since it was last up. */
  #failures = 0;
  #redial: NodeJS.Timeout | undefined;
  #redialAtMs = 0;
  #wantedAtMs = 0;
  /** It was last seen not answering: let it prove that it does before anything is sent. */
  #doubted = false;
  #closing = false;
  #closed: (() => void)[] = [];

  constructor(server: PoolServer, index: number, context: LinkContext) {
    this.server = server;
    this.address = formatEndpoint(server.endpoint);
    this.index = index;
    this.#context = context;
    if (context.protocol !== "auto") this.meta = context.protocol === "meta";
  }

  /** Requests that wait for this server. */
  get waiting(): number {
    return this.#held.size + (this.connection === null ? 0 : this.connection.waiting);
  }

  get isUp(): boolean {
    return this.connection?.ready === true;
  }

  // ---- requests ----

  /**
   * Takes an op whose key stands in the encoder.
   *
   * @throws CacheError `queue_full`, `not_supported`, `closed`
   */
  submit(op: Op): void {
    if (this.#delayed.length > 0) this.#writeDelayed();
    const connection = this.connection ?? this.#open();
    op.link = this;
    this.#checkRoom(connection);
    if (
      this.#provisional &&
      this.#probe === null &&
      this.#isWorthAsking &&
      (op.needsMeta || this.#context.encoder.binary)
    ) {
      this.#ask(connection.options, this.#context.now());
    }
    if (this.meta === undefined || (this.#provisional && this.#mustWait(op))) {
      op.held = true;
      this.#held.add(op);
      this.#heldBytes += bytesOf(op);
      this.#context.wakeTicker();
    } else {
      op.writeTo(connection, this.meta);
    }
  }

  /** Only the meta protocol has a form for it, and whether the server speaks that is not settled. */
  #mustWait(op: Op): boolean {
    return this.#probe !== null && (op.needsMeta || this.#context.encoder.binary);
  }

  /** A connection to write requests to, dialling if there is none. @throws CacheError `queue_full`, `closed` */
  writable(): Connection {
    const connection = this.connection ?? this.#open();
    this.#checkRoom(connection);
    return connection;
  }

  /** Lets the answers of a request be dropped. Nothing happens when it has ended. */
  cancel(ticket: number): void {
    this.connection?.ring.detach(ticket);
  }

  /** Keeps a copy until something else is sent to this server, too many bytes wait, or the client closes. */
  delay(copy: Op): void {
    this.#delayed.push(copy);
    this.#delayedBytes += bytesOf(copy);
    if (this.#delayedBytes > MAX_DELAYED_BYTES) this.#writeDelayed();
  }

  /** Keeps an op whose copies are to be sent when the connection is up, and not at all when it fails. */
  copyWhenUp(template: Op): void {
    this.#templates.push(template);
  }

  /** Of the requests that waited for one connect, the first to ask. */
  isFirstToFail(error: CacheError): boolean {
    if (this.#failedConnect === error) return false;
    this.#failedConnect = error;
    return true;
  }

  #writeDelayed(): void {
    const { encoder } = this.#context;
    const { bytes, end, hashStart, binary, plain } = encoder;
    const key = Buffer.from(bytes.subarray(0, end));
    this.#delayedBytes = 0;
    for (const copy of this.#delayed.splice(0)) {
      try {
        encoder.encode(copy.key, copy.keys);
        this.submit(copy);
      } catch (error) {
        if (!(error instanceof CacheError)) throw error;
        copy.fail(error);
      }
    }
    // The key of the op that set this going.
    key.copy(encoder.bytes);
    encoder.end = end;
    encoder.hashStart = hashStart;
    encoder.binary = binary;
    encoder.plain = plain;
  }

  #checkRoom(connection: Connection): void {
    const { maxRequests, maxBytes } = this.#context;
    if (connection.waiting + this.#held.size >= maxRequests) {
      throw new CacheError("queue_full", `${this.address}: ${maxRequests} requests wait already`);
    }
    const bytes = connection.bufferedBytes + this.#heldBytes;
    if (bytes >= maxBytes) {
      throw new CacheError("queue_full", `${this.address}: ${bytes} bytes wait to be sent, at most ${maxBytes}`);
    }
  }

  /** Forgets an op that waited for the protocol. */
  release(op: Op): void {
    if (this.#held.delete(op)) this.#heldBytes -= bytesOf(op);
    op.held = false;
  }

  #writeHeld(): void {
    for (const op of [...this.#held]) {
      const connection = this.connection;
      try {
        this.#context.encoder.encode(op.key, op.keys);
        if (this.#provisional && this.#mustWait(op)) continue;
        this.release(op);
        op.writeTo(connection ?? this.#open(), this.meta === true);
      } catch (error) {
        if (!(error instanceof CacheError)) throw error;
        this.release(op);
        op.fail(error);
      }
    }
  }

  #failHeld(error: CacheError, reason: FailureReason | undefined): void {
    const held = [...this.#held];
    this.#held.clear();
    this.#heldBytes = 0;
    for (const op of held) op.onFailure(error, reason);
  }

  // ---- the connection ----

  /** Dials now, unless there is a connection. */
  dial(): void {
    if (this.connection === null) this.#open();
  }

  #open(): Connection {
    if (this.#closing) throw new CacheError("closed", `${this.address}: this client is closed`);
    clearTimeout(this.#redial);
    this.#redial = undefined;
    const context = this.#context;
    const now = context.now();
    const options: ConnectionOptions = {
      endpoint: this.server.endpoint,
      socket: context.socket,
      ...(context.authentication ? { authentication: context.authentication } : {}),
      connectTimeoutMs: context.connectTimeoutMs,
      proveAlive: this.#doubted && context.policy.reconnect === "background",
      stallMs: context.stallMs,
      maxValueBytes: context.maxValueBytes,
      ref: context.ref,
    };
    if (this.meta === undefined && this.#probe === null) this.#ask(options, now);
    context.wakeTicker();
    this.#traced = traceConnect({ server: this.server.name, address: this.address });
    const connection = new Connection(options, this, now, this.#nextTicket);
    this.connection = connection;
    return connection;
  }

  // ---- the protocol ----

  #ask(options: ConnectionOptions, now: number): void {
    this.#probe = startProbe(
      options,
      now,
      () => {
        this.#settleProtocol(false, true);
      },
      (result) => {
        this.#probe = null;
        this.#learn(result, options);
      },
    );
  }

  /** A server, or this process, that was too busy for one probe may have time for the next. */
  get #isWorthAsking(): boolean {
    return this.#silences < MAX_SILENCES;
  }

  #learn(result: ProbeResult, options: ConnectionOptions): void {
    if (result === "silent") {
      this.#silences++;
      // Who can do without the answer does; the others wait for it.
      const isWanted = [...this.#held].some((op) => op.needsMeta || op.keys.policy === "base64");
      if (isWanted && this.#isWorthAsking && !this.#closing) this.#ask(options, this.#context.now());
      this.#settleProtocol(false, true);
    } else if (result !== "unreachable") {
      this.#keepClassic = result === "no-answer";
      this.#silences = 0;
      this.#settleProtocol(result === "meta", false);
    } else if (this.isUp) {
      this.#askOnceMore(options);
    }
    // Otherwise the connection is dialled, too, and says what became of that.
  }

  /** The probe has not reached the server, and the connection has. */
  #askOnceMore(options: ConnectionOptions): void {
    if (++this.#missed > 1) this.#settleProtocol(false, true);
    else this.#ask(options, this.#context.now());
  }

  /** @param provisional classic is what everybody understands, but the next connection asks again */
  #settleProtocol(meta: boolean, provisional: boolean): void {
    const isNew = this.meta !== meta;
    this.meta = meta;
    this.#provisional = provisional;
    if (isNew) {
      this.#context.events.emit("protocol", { server: this.server.name, protocol: meta ? "meta" : "classic" });
    }
    this.#writeHeld();
    if (this.#closing && this.#held.size === 0) this.connection?.end();
  }

  onReady(connection: Connection): void {
    this.#failures = 0;
    this.#doubted = false;
    this.#traced?.ready();
    this.#context.events.emit("connect", { server: this.server.name, endpoint: this.server.endpoint });
    if (this.index >= 0) this.#context.policy.connected(this.index);
    for (const template of this.#templates.splice(0)) {
      if (this.index >= 0) this.#context.copy(template, this.index);
      template.host.recycle(template);
    }
    if (this.meta === undefined && this.#probe === null) this.#askOnceMore(connection.options);
  }

  onAnswers(_connection: Connection): void {
    if (this.index >= 0) this.#context.policy.answered(this.index);
  }

  onReadEnd(): void {
    this.#context.readEnds();
  }

  schedule(connection: Connection): void {
    this.#context.scheduleFlush(connection);
  }

  onEnd(connection: Connection, error: CacheError, reason: FailureReason | undefined): void {
    const wasCurrent = this.connection === connection;
    this.#nextTicket = connection.ring.tail;
    if (wasCurrent) this.connection = null;
    this.#traced?.failed(error);
    this.#traced = undefined;
    const { events, policy } = this.#context;
    events.emit("disconnect", { server: this.server.name, endpoint: this.server.endpoint, error });
    const idle = connection.ring.length === 0;
    if (wasCurrent) for (const template of this.#templates.splice(0)) template.host.recycle(template);
    if (this.#closing || this.index < 0 || !wasCurrent) {
      if (this.#closing) this.#probe?.cancel();
      if (wasCurrent) this.#failHeld(error, this.#closing ? undefined : reason);
      for (const closed of this.#closed.splice(0)) closed();
      return;
    }
    if (reason === undefined) return;
    this.#failures++;
    // It may come back as another program.
    const unsure = this.#provisional || (reason === "connect_failed" && !this.#keepClassic);
    if (this.#context.protocol === "auto" && unsure) {
      this.meta = undefined;
      this.#provisional = false;
      this.#missed = this.#silences = 0;
    }
    if (reason === "connect_failed") {
      policy.connectFailed(this.index, error);
    } else if (reason !== "timeout") {
      policy.connectionLost(this.index, idle, error);
    } else {
      this.#doubted = true;
    }
    if (policy.reconnect === "background") this.#redialLater(reason === "connection_lost" && this.#failures === 1);
    this.#failHeld(error, reason);
  }

  // ---- down and back ----

  /** A caller wanted this server and was refused: dial it soon. */
  wanted(): void {
    if (this.#context.policy.reconnect !== "background" || this.#closing) return;
    const now = this.#context.now();
    this.#wantedAtMs = now;
    if (this.connection !== null) return;
    if (this.#redial === undefined) this.#open();
    else if (this.#redialAtMs - now > 1.25 * WANTED_MAX_MS) this.#redialIn(this.#jitter(WANTED_MAX_MS), now);
  }

  /** The rules have put the server out of use: what still hangs on its connection won't be answered. */
  putOutOfUse(error: CacheError | undefined): void {
    if (this.#context.policy.reconnect !== "background" || this.connection === null) return;
    this.#doubted = true;
    const cause = error ? { cause: error } : undefined;
    const connection = this.connection;
    // Not from within: the report may come out of this very connection.
    process.nextTick(() => {
      connection.destroy(new CacheError("server_disabled", `${this.address}: does not answer`, cause), "timeout");
    });
  }

  #redialLater(atOnce: boolean): void {
    const now = this.#context.now();
    const isWanted = now - this.#wantedAtMs < 1000;
    const backoff = Math.min(10 * 2 ** Math.min(this.#failures - 1, 20), this.#context.maxBackoffMs);
    this.#redialIn(atOnce ? 0 : this.#jitter(isWanted ? Math.min(backoff, WANTED_MAX_MS) : backoff), now);
  }

  #jitter(ms: number): number {
    return ms * (0.75 + 0.5 * this.#context.random());
  }

  #redialIn(ms: number, now: number): void {
    clearTimeout(this.#redial);
    this.#redialAtMs = now + ms;
    this.#redial = setTimeout(() => {
      this.#redial = undefined;
      if (this.connection === null && !this.#closing && this.index >= 0) this.#open();
    }, ms);
    // A server that is down keeps no process alive.
    this.#redial.unref();
  }

  // ---- time ----

  /** @returns true while anything waits for time to pass */
  expire(nowMs: number): boolean {
    this.#probe?.expire(nowMs);
    for (const op of this.#held) {
      if (op.deadlineMs > nowMs) continue;
      this.release(op);
      op.expired();
    }
    const busy = this.connection?.expire(nowMs) ?? false;
    return busy || this.#probe !== null || this.#held.size > 0;
  }

  // ---- the end ----

  /** Lets what waits be answered, then closes. */
  async close(): Promise<void> {
    if (this.#delayed.length > 0 && !this.#closing) this.#writeDelayed();
    this.#closing = true;
    clearTimeout(this.#redial);
    const connection = this.connection;
    if (connection === null) {
      this.#probe?.cancel();
      return;
    }
    const closed = new Promise<void>((resolve) => this.#closed.push(resolve));
    // With requests held, the end comes when the protocol is known and they are written.
    if (this.#held.size === 0) {
      this.#probe?.cancel();
      connection.end();
    }
    await closed;
  }

  /** Closes at once; what waits fails. */
  destroy(error: CacheError): void {
    this.#closing = true;
    clearTimeout(this.#redial);
    this.#probe?.cancel();
    this.#failHeld(error, undefined);
    this.connection?.destroy(error);
  }
}

/** About what a request takes that is not written yet. */
function bytesOf(op: Op): number {
  return op.value.length + op.key.length + HEAD_BYTES;
}

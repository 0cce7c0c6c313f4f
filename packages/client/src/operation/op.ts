// One call of the public API for one key: written in the dialect of the server it goes to, its answers made a result,
// and sent elsewhere when the rules of failover say so. Ops are used again, so nothing keeps one after it has settled.

import { CacheError } from "@marugoto/core";
import { MAX_REQUEST_HEAD_BYTES, MetaReplyFlag, parseUint64, Reply, type TextResponse } from "@marugoto/protocol";
import type { Connection } from "../connection/connection.ts";
import { Expect, type Sink } from "../connection/sink.ts";
import type { FailureReason, Operation } from "../failover/failover.ts";
import type { ServerLink } from "../pool/server-link.ts";
import type { ValueCodec } from "../values/codec.ts";
import type { Abortable, AbortWatch } from "./aborts.ts";
import { answersOf } from "./answers-of.ts";
import { decodeRead } from "./decode-read.ts";
import { GetLine } from "./get-line.ts";
import type { OpHost } from "./host.ts";
import type { Key, KeyRules } from "./keys.ts";
import { OpCode, operationOf } from "./op-code.ts";
import { abortedError, asCacheError, refusal } from "./refusal.ts";
import type { OnFailure, StoreResult } from "./results.ts";
import type { Tally } from "./tally.ts";
import { writeClassic, writeMeta, writeStorage } from "./write-request.ts";

/** Who hears of the end when it isn't a promise: calls for many keys. */
export interface OpOwner {
  done(op: Op, value: unknown): void;
  failed(op: Op, error: CacheError): void;
}

let resolveNext: (value: unknown) => void;
let rejectNext: (error: unknown) => void;
// One executor for all promises: no closure per call.
const takeFunctions = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
  resolveNext = resolve;
  rejectNext = reject;
};

const ignored: (value: unknown) => void = () => undefined;
const EMPTY = Buffer.alloc(0);
const uint64 = { high: 0, low: 0 };

export class Op implements Sink, Abortable {
  /** The pool it is in; another one after it went to the gutter. */
  host: OpHost;

  // ---- the request ----
  code: OpCode = OpCode.get;
  key: Key = "";
  keys!: KeyRules;
  /** Chooses the server in place of the key. */
  serverKey: Key | null = null;
  codec!: ValueCodec;
  /** ASCII text, written as it is, or bytes. */
  value: string | Uint8Array = EMPTY;
  flags = 0;
  exptime = 0;
  casHigh = 0;
  casLow = 0;
  deltaHigh = 0;
  deltaLow = 0;
  onFailurePolicy: OnFailure = "throw";
  /** `performance.now()`; Infinity = none. */
  deadlineMs = Infinity;
  timeoutMs = 0;
  signal: AbortSignal | null = null;
  #watch: AbortWatch | null = null;
  /** Join the line of keys even where the server speaks meta: part of a read of many keys. */
  many = false;
  /** It is done in parts, on several servers. */
  tally: Tally | null = null;
  /** Copies go where their rules say, and nobody hears of their end. */
  isCopy = false;

  // ---- where it is ----
  link: ServerLink | null = null;
  connection: Connection | null = null;
  ticket = -1;
  line: GetLine | null = null;
  /** Its place in `line`. */
  place = 0;
  /** Waits for its server's protocol to be known. */
  held = false;
  /** Servers it has failed on. */
  failed: number[] | null = null;
  probes = 0;
  /** What came before the last answer. */
  #result: unknown = undefined;

  // ---- who waits ----
  owner: OpOwner | null = null;
  /** For the owner: which of its keys. */
  index = 0;
  #resolve = ignored;
  #reject = ignored;
  settled = false;

  constructor(host: OpHost) {
    this.host = host;
  }

  /** Sends it on its way. */
  promise(): Promise<unknown> {
    const promise = new Promise(takeFunctions);
    this.#resolve = resolveNext;
    this.#reject = rejectNext;
    this.start();
    return promise;
  }

  start(): void {
    this.settled = false;
    if (!(this.timeoutMs > 0)) {
      this.fail(new CacheError("invalid_option", `timeoutMs is ${this.timeoutMs}, must be above 0`));
      return;
    }
    const signal = this.signal;
    if (signal !== null) {
      if (signal.aborted) {
        this.abort();
        return;
      }
      this.#watch = this.host.aborts.watch(signal, this);
    }
    this.host.dispatch(this);
  }

  get operation(): Operation {
    return operationOf[this.code]!;
  }

  /** There is no classic form of it. */
  get needsMeta(): boolean {
    return this.code >= OpCode.lease;
  }

  get isPlainRead(): boolean {
    return this.code <= OpCode.gats;
  }

  get isRead(): boolean {
    return this.code <= OpCode.gats || this.code === OpCode.lease;
  }

  // ---- writing ----

  /**
   * Writes itself to `connection`. The key stands in the host's encoder.
   *
   * @throws CacheError `not_supported` when the server's protocol has no form for it
   */
  writeTo(connection: Connection, meta: boolean): void {
    const keys = this.host.encoder;
    this.connection = connection;
    if (keys.binary && !meta) {
      throw new CacheError(
        "not_supported",
        "a key in base64 needs the meta protocol, which this server does not speak",
      );
    }
    const code = this.code;
    if (code <= OpCode.gets && !keys.binary && (!meta || this.many)) {
      GetLine.join(connection, this.host.lineLimits, code === OpCode.gets, this, keys);
      return;
    }
    const output = connection.begin();
    if (code >= OpCode.set && code <= OpCode.cas) {
      writeStorage(this, output, keys, meta);
      this.ticket = connection.push(this, this.deadlineMs, Expect.block);
      return;
    }
    output.reserve(MAX_REQUEST_HEAD_BYTES);
    const { buffer, end } = output;
    output.end = meta ? writeMeta(this, buffer, end, keys) : writeClassic(this, buffer, end, keys);
    this.ticket = connection.push(this, this.deadlineMs, Expect.one);
  }

  // ---- answers ----

  onAnswer(response: TextResponse, last: boolean): void {
    if ((answersOf[this.code]! & (1 << response.reply)) === 0) {
      this.#receiveForeign(response, last);
      return;
    }
    switch (response.reply) {
      case Reply.value:
      case Reply.metaValue:
        if (this.code === OpCode.incr || this.code === OpCode.decr) {
          this.#receiveMetaNumber(response);
        } else if (last) {
          this.receiveValue(response);
        } else {
          this.#keepValue(response);
        }
        return;
      case Reply.end:
        this.#finishRows();
        return;
      case Reply.stored:
      case Reply.deleted:
      case Reply.touched:
      case Reply.metaHit:
        this.#finish("stored");
        return;
      case Reply.number:
        this.settle((BigInt(response.numberHigh) << 32n) | BigInt(response.numberLow));
        return;
      case Reply.notStored:
      case Reply.metaNotStored:
        this.#finish("not_stored");
        return;
      case Reply.exists:
      case Reply.metaExists:
        this.#finish("exists");
        return;
      case Reply.notFound:
      case Reply.metaNotFound:
      case Reply.metaMiss:
        this.#finish("not_found");
        return;
      default:
        if (last) this.receiveRefusal(response);
    }
  }

  /** An answer of another command: requests and answers are out of step, so nothing on this connection can be trusted. */
  #receiveForeign(response: TextResponse, last: boolean): void {
    const connection = this.connection;
    const what = `an answer of another command (kind ${response.reply})`;
    if (last) this.receiveRefusal(response);
    connection?.violation(what);
  }

  /** The value of a read, and its end. */
  receiveValue(response: TextResponse): void {
    if (this.many && response.valueBytes === 0 && response.flags === 0 && this.link?.meta === true) {
      // Nothing at all, or the placeholder of whoever computes it, which a line of many keys doesn't tell apart.
      this.many = false;
      this.#leave();
      this.host.askAgain(this);
      return;
    }
    const { reply, metaFlags } = response;
    if (reply === Reply.metaValue && (metaFlags & MetaReplyFlag.W) !== 0 && this.isPlainRead) {
      // The item is stale, and this read has won the right to recompute it, which nobody here will make use of.
      this.host.giveBackLease(this);
    }
    const isAsciiRead = this.connection?.isAsciiRead(response.input) ?? false;
    this.#leave();
    let result: unknown;
    try {
      result = decodeRead(this, response, isAsciiRead);
    } catch (error) {
      this.fail(asCacheError(error));
      return;
    }
    this.settle(result);
  }

  /** A row before END (gat): what it says counts when END has come. */
  #keepValue(response: TextResponse): void {
    try {
      this.#result = decodeRead(this, response, false);
    } catch (error) {
      this.#result = asCacheError(error);
    }
  }

  #finishRows(): void {
    const result = this.#result;
    this.#result = undefined;
    this.#leave();
    if (result instanceof CacheError) this.fail(result);
    else this.settle(result);
  }

  receiveMiss(): void {
    this.#leave();
    this.settle(undefined);
  }

  /** ERROR, CLIENT_ERROR or SERVER_ERROR, or an answer of the wrong kind. */
  receiveRefusal(response: TextResponse): void {
    const link = this.link;
    this.#leave();
    this.#result = undefined;
    this.fail(refusal(response, link === null ? "" : link.address));
  }

  #receiveMetaNumber(response: TextResponse): void {
    if (!parseUint64(response.input, response.valueStart, response.valueEnd, uint64)) {
      this.receiveRefusal(response);
      return;
    }
    this.#leave();
    this.settle((BigInt(uint64.high) << 32n) | BigInt(uint64.low));
  }

  /** Makes a status the result of the call that was made. */
  #finish(status: StoreResult): void {
    this.#leave();
    const code = this.code;
    if (code === OpCode.cas) this.settle(status === "not_stored" ? "exists" : status);
    else if (code >= OpCode.set && code <= OpCode.prepend) this.settle(status === "stored");
    else if (code === OpCode.delete || code === OpCode.touch || code === OpCode.invalidate) {
      this.settle(status === "stored");
    } else this.settle(undefined);
  }

  // ---- failure ----

  onFailure(error: CacheError, reason?: FailureReason): void {
    this.#result = undefined;
    this.line = null;
    this.connection = null;
    this.held = false;
    if (this.settled) return;
    if (reason === undefined) this.fail(error);
    else this.host.failedOver(this, error, reason);
  }

  onDeadline(): number {
    this.expired();
    return Infinity;
  }

  /** Its deadline has passed; whoever calls has let go of it. */
  expired(): void {
    const link = this.link;
    const error = new CacheError("timeout", `${link?.address ?? "pool"}: no answer within ${this.timeoutMs} ms`);
    this.#result = undefined;
    this.line = null;
    this.connection = null;
    this.held = false;
    this.host.failedOver(this, error, "timeout");
  }

  /** The caller's AbortSignal is aborted. An aborted request may still reach its server; its answer is dropped. */
  abort(): void {
    if (this.settled) return;
    const { signal } = this;
    if (this.line !== null) this.line.drop(this);
    else if (this.held) this.link?.release(this);
    else if (this.connection !== null) this.connection.ring.detach(this.ticket);
    this.fail(abortedError(signal?.reason));
  }

  #leave(): void {
    this.connection = null;
    this.line = null;
  }

  // ---- the end ----

  settle(value: unknown): void {
    if (this.settled) return;
    const owner = this.owner;
    const resolve = this.#resolve;
    this.#letGo();
    if (owner === null) {
      this.host.recycle(this);
      resolve(value);
    } else {
      owner.done(this, value);
    }
  }

  fail(error: CacheError): void {
    if (this.settled) return;
    const owner = this.owner;
    const reject = this.#reject;
    this.#letGo();
    if (owner === null) {
      this.host.recycle(this);
      reject(error);
    } else {
      owner.failed(this, error);
    }
  }

  #letGo(): void {
    this.settled = true;
    if (this.tally !== null) {
      this.tally.leave();
      this.tally = null;
    }
    if (this.signal !== null) {
      this.#watch?.remove(this);
      this.#watch = null;
      this.signal = null;
    }
  }

  /** As `fail`, for a mistake of the program that calls. */
  failWith(error: TypeError): void {
    const reject = this.#reject;
    const owner = this.owner;
    this.#letGo();
    this.host.recycle(this);
    // A call for many keys is refused as a whole: what has started of it goes on, and nobody hears of it.
    if (owner !== null) throw error;
    reject(error);
  }

  /** What a write gives that was not done and is not to throw. */
  get missResult(): unknown {
    if (this.code === OpCode.incr || this.code === OpCode.decr) return undefined;
    return this.code === OpCode.cas ? "not_stored" : false;
  }

  /** Goes to another pool, where nothing stays longer than `ttlSec`. */
  enterGutter(host: OpHost, ttlSec: number): void {
    this.host = host;
    this.failed = null;
    this.probes = 0;
    // 0 is for ever, and more than thirty days is a date.
    if (this.exptime === 0 || this.exptime > ttlSec) this.exptime = ttlSec;
    host.dispatch(this);
  }

  /** Forgets everything, to be used again. */
  reset(): void {
    this.#resolve = this.#reject = ignored;
    this.#result = undefined;
    this.value = EMPTY;
    this.key = "";
    this.serverKey = null;
    this.owner = null;
    this.signal = null;
    this.link = null;
    this.connection = null;
    this.line = null;
    this.held = false;
    this.failed = null;
    this.probes = 0;
    this.many = false;
    this.isCopy = false;
    this.ticket = -1;
    this.flags = 0;
    this.exptime = 0;
    this.casHigh = this.casLow = 0;
    this.deltaHigh = this.deltaLow = 0;
  }
}

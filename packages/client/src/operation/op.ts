// One call of the public API for one key: written in the dialect of the server it goes to, its answers made a result,
// and sent elsewhere when the rules of failover say so. Ops are used again, so nothing keeps one after it has settled.

import { isAscii } from "node:buffer";
import { CacheError } from "@marugoto/core";
import {
  Command,
  MAX_REQUEST_HEAD_BYTES,
  MetaReplyFlag,
  parseUint64,
  Reply,
  writeArithmetic,
  writeBytes,
  writeCrlf,
  writeDelete,
  writeFlag,
  writeFlagInt32,
  writeFlagUint32,
  writeFlagUint64,
  writeGetAndTouch,
  writeMetaHead,
  writeMetaSetHead,
  writeStorageHead,
  writeTouch,
  type StorageCommand,
  type TextResponse,
} from "@marugoto/protocol";
import type { Connection } from "../connection/connection.ts";
import { BY_REFERENCE_FROM } from "../connection/output.ts";
import { Expect, type Sink } from "../connection/sink.ts";
import { Operation, type FailureReason } from "../failover/failover.ts";
import type { ServerLink } from "../pool/server-link.ts";
import type { ValueCodec } from "../values/codec.ts";
import type { Abortable, AbortWatch } from "./aborts.ts";
import type { OpHost } from "./host.ts";
import { GetLine } from "./get-line.ts";
import type { Key, KeyRules } from "./keys.ts";
import type { Tally } from "./tally.ts";
import { toLatin1 } from "./latin1.ts";

/** What an op asks for. */
export const OpCode = {
  get: 0,
  gets: 1,
  gat: 2,
  gats: 3,
  set: 4,
  add: 5,
  replace: 6,
  append: 7,
  prepend: 8,
  cas: 9,
  delete: 10,
  incr: 11,
  decr: 12,
  touch: 13,
  /** Meta only: a read that may win the right to recache. */
  lease: 14,
  /** Meta only: marks an item stale. */
  invalidate: 15,
} as const;

export type OpCode = (typeof OpCode)[keyof typeof OpCode];

const operationOf: readonly Operation[] = [
  Operation.read,
  Operation.read,
  Operation.touch,
  Operation.touch,
  Operation.set,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.delete,
  Operation.arithmetic,
  Operation.arithmetic,
  Operation.touch,
  Operation.read,
  Operation.delete,
];

const storageCommand: readonly StorageCommand[] = [
  Command.set,
  Command.add,
  Command.replace,
  Command.append,
  Command.prepend,
  Command.cas,
];

/** Mode letter of `ms` for set, add, replace, append, prepend, cas. */
const metaMode = [0x53, 0x45, 0x52, 0x41, 0x50, 0x53];

/** How a storage op ended. */
export type StoreResult = "stored" | "not_stored" | "exists" | "not_found";

/** A value with the token that `cas` takes. */
export interface WithCas<T> {
  readonly value: T;
  /** Unsigned 64 bit. */
  readonly cas: bigint;
}

/** What a lease read found. */
export interface LeaseResult<T> {
  /** undefined: nothing there, or only the placeholder of whoever recomputes. */
  readonly value: T | undefined;
  readonly cas: bigint;
  /** This caller has won: it is to recompute. */
  readonly won: boolean;
  readonly stale: boolean;
  /** Somebody else is at it. */
  readonly taken: boolean;
  /** Remaining seconds; -1 = never expires. */
  readonly ttlSec: number;
}

/** Who hears of the end when it isn't a promise: calls for many keys. */
export interface OpOwner {
  done(op: Op, value: unknown): void;
  failed(op: Op, error: CacheError): void;
}

/** What a call does when the failover rules have no further server. */
export type OnFailure = "throw" | "miss" | "next" | "gutter";

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

const bits = (...replies: Reply[]) => replies.reduce((set, reply) => set | (1 << reply), 0);
const errors = bits(Reply.error, Reply.clientError, Reply.serverError);
const stores = errors | bits(Reply.stored, Reply.notStored, Reply.metaHit, Reply.metaNotStored, Reply.metaNotFound);
const read = errors | bits(Reply.metaValue, Reply.metaMiss);
const readAndTouch = read | bits(Reply.value, Reply.end);
const casStores = stores | bits(Reply.exists, Reply.notFound, Reply.metaExists);
const removal = errors | bits(Reply.deleted, Reply.notFound, Reply.metaHit, Reply.metaNotFound);
const counts = errors | bits(Reply.number, Reply.notFound, Reply.metaValue, Reply.metaNotFound);
const touches = errors | bits(Reply.touched, Reply.notFound, Reply.metaHit, Reply.metaMiss);

const invalidation = removal | bits(Reply.metaExists);

/** By code: the set of replies that can answer it. Reads of the classic protocol are answered to their line. */
const answersOf = Int32Array.of(
  ...[read, read, readAndTouch, readAndTouch],
  ...[stores, stores, stores, stores, stores, casStores],
  ...[removal, counts, counts, touches, read, invalidation],
);

/** A copy's end is nobody's business: the caller has the answer of the first server. */
const NOBODY: OpOwner = {
  done(op) {
    op.host.recycle(op);
  },
  failed(op) {
    op.host.recycle(op);
  },
};

/** exptime of an invalidation that leaves the item's own as it is. */
const KEEP_EXPTIME = -2;

/** At most this many units are looked at one by one; native code is faster beyond. */
const SHORT_TEXT = 64;

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
      GetLine.join(connection, this.host.lineLimits, code === OpCode.gets, this, keys.bytes, keys.end);
      return;
    }
    const output = connection.begin();
    if (code >= OpCode.set && code <= OpCode.cas) {
      this.#writeStorage(connection, meta);
      return;
    }
    output.reserve(MAX_REQUEST_HEAD_BYTES);
    const out = output.buffer;
    output.end = meta
      ? this.#writeMeta(out, output.end, keys.bytes, keys.end, keys.binary)
      : this.#writeClassic(out, output.end, keys.bytes, keys.end);
    this.ticket = connection.push(this, this.deadlineMs, Expect.one);
  }

  #writeClassic(out: Buffer, offset: number, key: Buffer, end: number): number {
    switch (this.code) {
      case OpCode.gat:
        return writeGetAndTouch(out, offset, Command.gat, this.exptime, key, 0, end);
      case OpCode.gats:
        return writeGetAndTouch(out, offset, Command.gats, this.exptime, key, 0, end);
      case OpCode.delete:
        return writeDelete(out, offset, key, 0, end, false);
      case OpCode.incr:
        return writeArithmetic(out, offset, Command.incr, key, 0, end, this.deltaHigh, this.deltaLow, false);
      case OpCode.decr:
        return writeArithmetic(out, offset, Command.decr, key, 0, end, this.deltaHigh, this.deltaLow, false);
      case OpCode.touch:
        return writeTouch(out, offset, key, 0, end, this.exptime, false);
      default:
        // So that nothing of a call that fails here has been written.
        throw new CacheError("not_supported", "a lease needs the meta protocol, which this server does not speak");
    }
  }

  #writeMeta(out: Buffer, offset: number, key: Buffer, end: number, binary: boolean): number {
    let i: number;
    switch (this.code) {
      case OpCode.delete:
        return writeCrlf(out, writeMetaHead(out, offset, Command.metaDelete, key, 0, end, binary));
      case OpCode.invalidate:
        // Marked stale: the next lease read wins, and everybody else is served the old value for `exptime` seconds.
        i = writeFlag(out, writeMetaHead(out, offset, Command.metaDelete, key, 0, end, binary), 0x49);
        if (this.exptime !== KEEP_EXPTIME) i = writeFlagInt32(out, i, 0x54, this.exptime);
        if (this.casHigh !== 0 || this.casLow !== 0) i = writeFlagUint64(out, i, 0x43, this.casHigh, this.casLow);
        return writeCrlf(out, i);
      case OpCode.incr:
      case OpCode.decr:
        i = writeMetaHead(out, offset, Command.metaArithmetic, key, 0, end, binary);
        if (this.code === OpCode.decr) out[(i = writeFlag(out, i, 0x4d))] = 0x44; // M D
        if (this.code === OpCode.decr) i++;
        i = writeFlagUint64(out, i, 0x44, this.deltaHigh, this.deltaLow); // D
        return writeCrlf(out, writeFlag(out, i, 0x76)); // v
      case OpCode.touch:
        i = writeMetaHead(out, offset, Command.metaGet, key, 0, end, binary);
        return writeCrlf(out, writeFlagInt32(out, i, 0x54, this.exptime)); // T
      default: {
        i = writeMetaHead(out, offset, Command.metaGet, key, 0, end, binary);
        i = writeFlag(out, writeFlag(out, i, 0x66), 0x76); // f v
        if (this.code === OpCode.gets || this.code === OpCode.gats) i = writeFlag(out, i, 0x63); // c
        if (this.code === OpCode.gat || this.code === OpCode.gats) i = writeFlagInt32(out, i, 0x54, this.exptime); // T
        if (this.code === OpCode.lease) {
          i = writeFlag(out, writeFlag(out, i, 0x63), 0x74); // c t
          i = writeFlagInt32(out, i, 0x4e, this.exptime); // N: make a placeholder on a miss
          if (this.deltaLow > 0) i = writeFlagUint32(out, i, 0x52, this.deltaLow); // R: win when less is left
        }
        return writeCrlf(out, i);
      }
    }
  }

  #writeStorage(connection: Connection, meta: boolean): void {
    const keys = this.host.encoder;
    const output = connection.output;
    const value = this.value;
    const isText = typeof value === "string";
    const valueBytes = value.length;
    const inPlace = isText || valueBytes < BY_REFERENCE_FROM;
    output.reserve(MAX_REQUEST_HEAD_BYTES + (inPlace ? valueBytes : 0) + 2);
    const out = output.buffer;
    const position = this.code - OpCode.set;
    let i: number;
    if (meta) {
      i = writeMetaSetHead(out, output.end, keys.bytes, 0, keys.end, valueBytes, keys.binary);
      if (this.code !== OpCode.set) {
        i = writeFlag(out, i, 0x4d); // M
        out[i++] = metaMode[position]!;
      }
      if (this.flags !== 0) i = writeFlagUint32(out, i, 0x46, this.flags); // F
      if (this.exptime !== 0) i = writeFlagInt32(out, i, 0x54, this.exptime); // T
      if (this.code === OpCode.cas) i = writeFlagUint64(out, i, 0x43, this.casHigh, this.casLow); // C
      i = writeCrlf(out, i);
    } else {
      const command = storageCommand[position]!;
      const { flags, exptime, casHigh, casLow } = this;
      i = writeStorageHead(
        out,
        output.end,
        command,
        keys.bytes,
        0,
        keys.end,
        flags,
        exptime,
        valueBytes,
        false,
        casHigh,
        casLow,
      );
    }
    if (inPlace) {
      if (isText) {
        if (valueBytes <= SHORT_TEXT) for (let j = 0; j < valueBytes; j++) out[i + j] = value.charCodeAt(j);
        else out.write(value, i, "latin1");
        i += valueBytes;
      } else {
        i = writeBytes(out, i, value as Buffer, 0, valueBytes);
      }
      output.end = writeCrlf(out, i);
    } else {
      output.end = i;
      output.appendReference(value);
      output.reserve(2);
      output.end = writeCrlf(output.buffer, output.end);
    }
    this.ticket = connection.push(this, this.deadlineMs, Expect.block);
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
      result = this.#decode(response, isAsciiRead);
    } catch (error) {
      this.fail(asCacheError(error));
      return;
    }
    this.settle(result);
  }

  /** A row before END (gat): what it says counts when END has come. */
  #keepValue(response: TextResponse): void {
    try {
      this.#result = this.#decode(response, false);
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

  /** @param isAsciiRead the value is known to be ASCII */
  #decode(response: TextResponse, isAsciiRead: boolean): unknown {
    const { input, valueStart, valueEnd, flags } = response;
    // A meta answer without flag f has no flags of its own.
    const itemFlags = response.reply === Reply.value || (response.metaFlags & MetaReplyFlag.f) !== 0 ? flags : 0;
    const codec = this.codec;
    const plain = codec.plainText;
    let value: unknown;
    if (this.code === OpCode.lease) return this.#decodeLease(response, itemFlags);
    // Somebody's placeholder: to a plain read there is nothing yet.
    if (
      valueStart === valueEnd &&
      itemFlags === 0 &&
      response.reply === Reply.metaValue &&
      isPlaceholder(response.metaFlags)
    ) {
      return undefined;
    }
    if (plain?.flags === itemFlags && (isAsciiRead || isAsciiBytes(input, valueStart, valueEnd))) {
      value = toLatin1(input, valueStart, valueEnd);
    } else {
      value = codec.decode(itemFlags, input.subarray(valueStart, valueEnd));
    }
    if (this.code === OpCode.gets || this.code === OpCode.gats) {
      const cas = (BigInt(response.casHigh) << 32n) | BigInt(response.casLow);
      return { value, cas } satisfies WithCas<unknown>;
    }
    return value;
  }

  #decodeLease(response: TextResponse, flags: number): LeaseResult<unknown> {
    const { input, valueStart, valueEnd, metaFlags } = response;
    const won = (metaFlags & MetaReplyFlag.W) !== 0;
    const stale = (metaFlags & MetaReplyFlag.X) !== 0;
    const taken = (metaFlags & MetaReplyFlag.Z) !== 0;
    const placeholder = valueStart === valueEnd && flags === 0 && isPlaceholder(metaFlags);
    return {
      value: placeholder ? undefined : this.codec.decode(flags, input.subarray(valueStart, valueEnd)),
      cas: (BigInt(response.casHigh) << 32n) | BigInt(response.casLow),
      won,
      stale,
      taken,
      ttlSec: (metaFlags & MetaReplyFlag.t) !== 0 ? response.ttl : -1,
    };
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

  /** Becomes the same request without anybody who waits for its end. */
  becomeCopyOf(op: Op): void {
    this.code = op.code;
    this.key = op.key;
    this.keys = op.keys;
    this.serverKey = op.serverKey;
    this.codec = op.codec;
    this.value = op.value;
    this.flags = op.flags;
    this.exptime = op.exptime;
    this.casHigh = op.casHigh;
    this.casLow = op.casLow;
    this.deltaHigh = op.deltaHigh;
    this.deltaLow = op.deltaLow;
    this.timeoutMs = op.timeoutMs;
    this.deadlineMs = op.deadlineMs;
    this.onFailurePolicy = "throw";
    this.signal = null;
    this.isCopy = true;
    this.owner = NOBODY;
    this.settled = false;
  }

  /** Becomes one of the parts of `op`: where it ends counts for the whole. */
  becomePartOf(op: Op, tally: Tally, index: number): void {
    this.becomeCopyOf(op);
    this.isCopy = index > 0;
    this.owner = tally;
    this.index = index;
  }

  /** Becomes the return of the right to recompute that `op` has won. */
  becomeReturnOf(op: Op): void {
    this.becomeCopyOf(op);
    this.code = OpCode.invalidate;
    this.exptime = KEEP_EXPTIME;
    this.casHigh = this.casLow = 0;
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

/** @param reason the AbortSignal's */
export function abortedError(reason: unknown): CacheError {
  return new CacheError("aborted", "the call was aborted", { cause: reason });
}

/** What a server's refusal is to a caller. */
export function refusal(response: TextResponse, address: string): CacheError {
  const text = response.reply === Reply.error || response.reply >= Reply.clientError ? response.text() : "";
  switch (response.reply) {
    case Reply.error:
      return new CacheError("not_supported", `${address}: the server does not know the command (ERROR ${text})`.trim());
    case Reply.clientError:
      return new CacheError("client_error", `${address}: CLIENT_ERROR ${text}`);
    case Reply.serverError:
      return new CacheError(
        text.includes("too large") ? "value_too_large" : "server_error",
        `${address}: SERVER_ERROR ${text}`,
      );
    default:
      return new CacheError("protocol_violation", `${address}: an answer (kind ${response.reply}) of another command`);
  }
}

/** What flag N made is being computed and not stale. Whether it is empty, too, is for the caller to see. */
function isPlaceholder(metaFlags: number): boolean {
  const { W, X, Z } = MetaReplyFlag;
  return (metaFlags & (W | Z)) !== 0 && (metaFlags & X) === 0;
}

function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CacheError("value_undecodable", message, { cause: error });
}

/** True when every unit of `text` is below 0x80. */
export function isAsciiText(text: string): boolean {
  let all = 0;
  for (let i = 0; i < text.length; i++) all |= text.charCodeAt(i);
  return all < 0x80;
}

function isAsciiBytes(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > SHORT_TEXT) return isAscii(bytes.subarray(start, end));
  let all = 0;
  for (let i = start; i < end; i++) all |= bytes[i]!;
  return all < 0x80;
}

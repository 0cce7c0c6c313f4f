// One pipelined connection: what is written leaves in one write per tick, answers are parsed in place and matched to
// requests by order alone. It lives once: when it fails, everything on it fails, and its owner makes another. Which
// server a request goes to, and what becomes of it afterwards, is not decided here.

import { isAscii } from "node:buffer";
import type { Socket } from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";
import {
  Command,
  Reply,
  TextResponseParser,
  Verdict,
  writeControl,
  writeStorageHead,
  type ResponseHandler,
  type TextResponse,
} from "@marugoto/protocol";
import { ByteSocket } from "@marugoto/transport";
import type { FailureReason } from "../failover/failover.ts";
import { dial, type SocketOptions } from "./dial.ts";
import { Output } from "./output.ts";
import { RequestRing } from "./request-ring.ts";
import { DRAIN, Expect, type Sink } from "./sink.ts";

/** Name and password of memcached's text authentication (`-Y`). */
export interface TextAuthentication {
  readonly username: string;
  readonly password: string;
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  readonly socket: SocketOptions;
  readonly authentication?: TextAuthentication;
  /** Time from dialling to the end of the handshake. */
  readonly connectTimeoutMs: number;
  /** Ask for `version` before anything else is sent: proof that a server which was down answers again. */
  readonly proveAlive: boolean;
  /** This long after a request has become overdue without a byte arriving, the connection is given up. */
  readonly stallMs: number;
  /** A longer value is a violation. */
  readonly maxValueBytes: number;
  /** Does the connection keep the process alive? */
  readonly ref: boolean;
}

/** What its owner hears. `onEnd` is called once, before the requests that it ends hear of it. */
export interface ConnectionOwner {
  onReady(connection: Connection): void;
  onAnswers(connection: Connection): void;
  /** Nothing follows a read that had answers. */
  onReadEnd(): void;
  onEnd(connection: Connection, error: CacheError, reason: FailureReason | undefined): void;
  /** Something has been written: `flush` is to be called at the end of this tick. */
  schedule(connection: Connection): void;
}

/** Values above this are given out in pieces, or put together where they will stay, and not moved twice. */
const LARGE_VALUE_BYTES = 2048;

/** From so many bytes on, one native look at a whole read costs less than a look at each value in it. */
const LONG_READ_BYTES = 512;

/** How much of a read is put behind a cut-off answer at first: enough for a line and a small value. */
const STEP_BYTES = 4096;

type State = "connecting" | "handshake" | "ready" | "ended";

export class Connection implements ResponseHandler {
  readonly output = new Output();
  readonly ring: RequestRing;
  /** Set by who writes a line that can take more keys; called before anything else is written, and before a flush. */
  openLine: { close(): void } | null = null;
  /** A line that has been answered, for the next one to use. Only lines look at it. */
  spareLine: { close(): void } | null = null;
  /** True between `schedule` and `flush`. */
  scheduled = false;
  /** Receivers that wait for answers: a line of many keys counts each. Its owner bounds it. */
  waiting = 0;
  /** Since when requests are overdue without a byte arriving; 0 = they are not. */
  #stalledSinceMs = 0;
  /** The other side has accepted the connection at some time. */
  accepted = false;
  readonly connectDeadlineMs: number;
  readonly options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #parser: TextResponseParser;
  readonly #socket: Socket;
  /** The way out of `#socket`, and the only one. */
  readonly #out: ByteSocket;
  #state: State = "connecting";
  /** Answers the handshake still waits for, in order. */
  #handshake: ("authentication" | "version")[] = [];
  /** The beginning of an answer that was cut off by the end of a read. */
  #rest: Buffer = Buffer.alloc(0);
  #restBytes = 0;
  /** The read that is parsed in place, and where its unparsed part began; null at other times, and for short reads. */
  #longRead: Buffer | null = null;
  #longReadStart = 0;
  #longReadEnd = 0;
  /** What is known of it. */
  #longReadIsAscii: boolean | undefined;
  /** A large value that is put together for a sink that takes it whole. */
  #large: Buffer | null = null;
  #largeFilled = 0;
  #ending = false;

  /** @param firstTicket of the requests on this connection */
  constructor(options: ConnectionOptions, owner: ConnectionOwner, nowMs: number, firstTicket = 0) {
    this.ring = new RequestRing(firstTicket);
    this.options = options;
    this.#owner = owner;
    this.connectDeadlineMs = nowMs + options.connectTimeoutMs;
    this.#parser = new TextResponseParser({
      maxValueBytes: options.maxValueBytes,
      largeValueBytes: LARGE_VALUE_BYTES,
    });
    const socket = dial(options.endpoint, options.socket, (bytes, end) => {
      this.#read(bytes, end);
    });
    this.#socket = socket;
    this.#out = new ByteSocket(socket, options.socket.tls === undefined);
    this.#out.onDrain = () => {
      this.flush();
    };
    if (!options.ref) socket.unref();
    socket.once(options.socket.tls === undefined ? "connect" : "secureConnect", () => {
      this.#connected();
    });
    socket.on("error", (error) => {
      // Of several addresses that were tried, the error has no message of its own.
      this.#endWith(this.#describe(error.message || ((error as NodeJS.ErrnoException).code ?? error.name), error));
    });
    socket.on("end", () => {
      this.#endWith(this.#describe("closed by the server"));
    });
    socket.on("close", () => {
      this.#out.closed();
      this.#endWith(this.#describe("closed"));
    });
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** Bytes that wait in this process. */
  get bufferedBytes(): number {
    return this.output.bytes + this.#out.waiting;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  // ---- writing ----

  /**
   * Closes a line that waits for more keys. Call it before writing to `output`, unless you add to that line.
   */
  begin(): Output {
    if (this.openLine !== null) this.openLine.close();
    return this.output;
  }

  /** Enters the request that has just been written to `output`. @returns its ticket, for `ring.detach` */
  push(sink: Sink, deadlineMs: number, expect: number): number {
    this.schedule();
    this.waiting++;
    return this.ring.push(sink, deadlineMs, expect);
  }

  schedule(): void {
    if (!this.scheduled) {
      this.scheduled = true;
      this.#owner.schedule(this);
    }
  }

  /** Hands what was written to the socket, unless the socket has not taken the last bytes yet. */
  flush(): void {
    this.scheduled = false;
    if (this.openLine !== null) this.openLine.close();
    if (this.#state !== "ready") return;
    // Backpressure: the kernel's buffer is full. What follows waits here, where it is counted.
    if (this.#out.waiting > 0) return;
    this.output.flushTo(this.#out);
    if (this.#ending) this.#endWhenDrained();
  }

  // ---- the handshake ----

  #connected(): void {
    const { authentication, proveAlive } = this.options;
    if (this.#state !== "connecting") return;
    this.accepted = true;
    this.#state = "handshake";
    const out = Buffer.alloc(
      1024 + (authentication ? 3 * (authentication.username.length + authentication.password.length) : 0),
    );
    let end = 0;
    if (authentication) {
      // memcached's authfile protocol: a set whose key and flags don't matter and whose block is "name password".
      const secret = Buffer.from(`${authentication.username} ${authentication.password}`, "utf8");
      const key = Buffer.from("auth");
      end = writeStorageHead(out, end, Command.set, key, 0, key.length, 0, 0, secret.length, false);
      end += secret.copy(out, end);
      end += out.write("\r\n", end, "latin1");
      this.#handshake.push("authentication");
    }
    if (proveAlive) {
      end = writeControl(out, end, Command.version);
      this.#handshake.push("version");
    }
    if (end === 0) this.#becomeReady();
    else this.#out.write(out.subarray(0, end));
  }

  #becomeReady(): void {
    this.#state = "ready";
    this.#owner.onReady(this);
    this.flush();
  }

  #onHandshake(response: TextResponse): Verdict {
    const step = this.#handshake.shift();
    const right = step === "authentication" ? Reply.stored : Reply.version;
    // Any answer to `version` shows that somebody is there; old servers of other makes say ERROR.
    if (step === "authentication" && response.reply !== right) {
      const text = response.textEnd > response.textStart ? response.text() : "no STORED";
      this.#endWith(this.#describe(`authentication refused: ${text}`), "connect_failed");
      return Verdict.STOP;
    }
    if (this.#handshake.length === 0) this.#becomeReady();
    return Verdict.CONTINUE;
  }

  // ---- reading ----

  #read(bytes: Buffer, end: number): void {
    if (this.#state === "ended") return;
    const wasStalled = this.#stalledSinceMs !== 0;
    this.#stalledSinceMs = 0;
    let start = 0;
    while (this.#restBytes > 0 && start < end) {
      // The cut-off answer goes on in this read: complete it aside, then go on in place.
      const step = Math.min(STEP_BYTES, end - start);
      const before = this.#restBytes;
      const joined = this.#joinRest(bytes, start, start + step);
      const consumed = this.#parser.parse(this.#rest, 0, joined, this);
      if (this.ended) return;
      if (consumed >= before) {
        this.#restBytes = 0;
        start += consumed - before;
      } else {
        this.#rest.copyWithin(0, consumed, joined);
        this.#restBytes = joined - consumed;
        start += step;
      }
    }
    if (start < end) {
      if (end - start >= LONG_READ_BYTES) {
        this.#longRead = bytes;
        this.#longReadStart = start;
        this.#longReadEnd = end;
        this.#longReadIsAscii = undefined;
      }
      const consumed = this.#parser.parse(bytes, start, end, this);
      this.#longRead = null;
      if (this.ended) return;
      if (consumed < end) {
        this.#restBytes = 0;
        this.#restBytes = this.#joinRest(bytes, consumed, end);
      }
    }
    // Some bytes, but not the answer that is overdue: from here on the silence counts anew.
    if (wasStalled && this.ring.head < this.ring.overdueBelow) this.#stalledSinceMs = performance.now();
    this.#owner.onAnswers(this);
    if (this.#ending) this.#endWhenDrained();
    this.#owner.onReadEnd();
  }

  /**
   * True: everything in `input`, the `response.input` of the answer that is being given out, is known to be ASCII. False:
   * look for yourself.
   */
  isAsciiRead(input: Buffer): boolean {
    if (input !== this.#longRead) return false;
    return (this.#longReadIsAscii ??= isAscii(input.subarray(this.#longReadStart, this.#longReadEnd)));
  }

  /** Puts `bytes[start, end)` behind the rest; returns where that ends. */
  #joinRest(bytes: Buffer, start: number, end: number): number {
    const length = this.#restBytes + end - start;
    if (length > this.#rest.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * STEP_BYTES));
      this.#rest.copy(larger, 0, 0, this.#restBytes);
      this.#rest = larger;
    }
    bytes.copy(this.#rest, this.#restBytes, start, end);
    return length;
  }

  // ---- ResponseHandler ----

  onResponse(response: TextResponse): Verdict {
    if (this.#handshake.length > 0) return this.#onHandshake(response);
    const ring = this.ring;
    if (ring.head === ring.tail) return this.#unasked(response);
    const reply = response.reply;
    const expect = ring.firstExpect;
    const sink = ring.first;
    if (reply === Reply.value || reply === Reply.stat || reply === Reply.row) {
      sink.onAnswer(response, false);
      return this.#state === "ended" ? Verdict.STOP : Verdict.CONTINUE;
    }
    if ((expect & Expect.noop) !== 0 && reply !== Reply.metaNoop) {
      sink.onAnswer(response, false);
      return this.#state === "ended" ? Verdict.STOP : Verdict.CONTINUE;
    }
    ring.shift();
    this.waiting--;
    sink.onAnswer(response, true);
    if ((expect & Expect.block) !== 0 && (reply === Reply.error || reply === Reply.clientError)) {
      this.#endWith(this.#describe("a set was refused in a way that leaves open whether its block was read"));
    }
    return this.#state === "ended" ? Verdict.STOP : Verdict.CONTINUE;
  }

  onValueStart(response: TextResponse): Verdict {
    if (this.#handshake.length > 0 || this.ring.length === 0) return this.#unasked(response);
    const sink = this.ring.first;
    if (sink.onValueStart) {
      sink.onValueStart(response);
      return Verdict.CONTINUE;
    }
    this.#large = Buffer.allocUnsafe(response.valueBytes);
    this.#largeFilled = 0;
    return Verdict.CONTINUE;
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    if (this.#large !== null) {
      buffer.copy(this.#large, this.#largeFilled, start, end);
      this.#largeFilled += end - start;
      return;
    }
    const sink = this.ring.first;
    if (sink.onValuePiece) sink.onValuePiece(buffer, start, end);
  }

  onValueEnd(response: TextResponse): Verdict {
    const large = this.#large;
    this.#large = null;
    const head = response.input;
    if (large === null) {
      response.valueStart = response.valueEnd = -1;
    } else {
      // The key is in the head, the value in memory of its own: sinks read both from one `input`.
      const keyBytes = response.reply === Reply.value ? response.keyEnd - response.keyStart : 0;
      response.valueStart = 0;
      response.valueEnd = large.length;
      if (keyBytes > 0) {
        this.largeKey = head.subarray(response.keyStart, response.keyEnd);
      }
      response.input = large;
    }
    const verdict = this.onResponse(response);
    this.largeKey = null;
    return verdict;
  }

  /** The key of a large VALUE, whose block has an `input` of its own; otherwise null and the key is in `input`. */
  largeKey: Buffer | null = null;

  onViolation(expected: string, input: Buffer, start: number, end: number): void {
    const seen = JSON.stringify(input.toString("latin1", start, Math.min(end, start + 60)));
    this.violation(`expected ${expected}, got ${seen}`);
  }

  #unasked(response: TextResponse): Verdict {
    this.violation(`an answer (kind ${response.reply}) that nobody asked for`);
    return Verdict.STOP;
  }

  /** The answers can no longer be matched to requests: ends the connection. */
  violation(what: string): void {
    const message = `${formatEndpoint(this.options.endpoint)}: ${what}`;
    this.#endWith(new CacheError("protocol_violation", message), "violation");
  }

  // ---- deadlines ----

  /** Calls what is overdue. @returns true while anything can become overdue */
  expire(nowMs: number): boolean {
    if (this.#state === "ended") return false;
    if (this.#state !== "ready" && nowMs >= this.connectDeadlineMs) {
      const spent = this.options.connectTimeoutMs;
      const what = this.#state === "connecting" ? "not connected" : "no end of the handshake";
      const message = `${formatEndpoint(this.options.endpoint)}: ${what} within ${spent} ms`;
      this.#endWith(new CacheError("timeout", message), "connect_failed");
      return false;
    }
    const { ring } = this;
    if (nowMs >= ring.nextDeadlineMs && ring.expire(nowMs) > 0 && this.#stalledSinceMs === 0) {
      this.#stalledSinceMs = nowMs;
    }
    // Nothing but silence since a request became overdue: the other side is gone without a word, or stands still.
    if (this.#stalledSinceMs !== 0 && nowMs - this.#stalledSinceMs >= this.options.stallMs && ring.length > 0) {
      const message = `${formatEndpoint(this.options.endpoint)}: no byte for ${this.options.stallMs} ms after a timeout`;
      this.#endWith(new CacheError("timeout", message), "timeout");
      return false;
    }
    return this.#state !== "ready" || ring.length > 0;
  }

  // ---- the end ----

  /** Lets the waiting requests be answered, then closes. */
  end(): void {
    this.#ending = true;
    this.#endWhenDrained();
  }

  #endWhenDrained(): void {
    if (this.ring.length > 0 || this.#state === "ended" || this.output.bytes > 0) return;
    const error = this.#describe("closed by this client");
    this.#state = "ended";
    this.#owner.onEnd(this, error, undefined);
    // A server that doesn't answer FIN must not hold the socket: closed once what was written has left.
    this.#out.end();
  }

  /** Closes at once; what waits fails with `error`. */
  destroy(error: CacheError, reason?: FailureReason): void {
    this.#endWith(error, reason ?? "closed");
  }

  #describe(what: string, cause?: Error): CacheError {
    const waiting = this.ring.length;
    const unanswered = waiting === 0 ? "" : ` with ${waiting} requests unanswered`;
    const message = `${formatEndpoint(this.options.endpoint)}: ${what}${unanswered}`;
    return new CacheError("connection_lost", message, cause ? { cause } : undefined);
  }

  #endWith(error: CacheError, why?: FailureReason | "closed"): void {
    if (this.#state === "ended") return;
    const reason =
      why === "closed" ? undefined : (why ?? (this.#state === "ready" ? "connection_lost" : "connect_failed"));
    this.#state = "ended";
    this.#socket.destroy();
    if (this.openLine !== null) this.openLine.close();
    this.output.clear();
    this.#large = null;
    this.#owner.onEnd(this, error, reason);
    const ring = this.ring;
    while (ring.length > 0) {
      const sink = ring.first;
      ring.shift();
      if (sink !== DRAIN) sink.onFailure(error, reason);
    }
    this.waiting = 0;
  }
}

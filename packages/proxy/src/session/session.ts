// One client: bytes in, requests on to the servers, answers out in the order of the requests. It stops reading while too
// many of its requests are under way or too many bytes wait for it, and goes on when there is room. What a request is
// and where it goes is dispatch.ts.

import {
  TextRequestParser,
  Verdict,
  type RequestError,
  type RequestHandler,
  type TextRequest,
} from "@marugoto/protocol";
import type { Flushable } from "../loop-pass.ts";
import type { ProxyCore } from "../proxy-core.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import type { ClientHandler, ClientSocket } from "../transport/client-socket.ts";
import { BINARY_MAGIC, binaryRefusal } from "./binary-refusal.ts";
import { ByteQueue } from "./byte-queue.ts";
import { dispatch, dispatchUnknown } from "./dispatch.ts";
import { ErrorLines } from "./error-lines.ts";
import { PendingBytes } from "./pending-bytes.ts";
import type { Slot } from "./slot.ts";
import { Upload } from "./upload.ts";

/** Requests of one client that may be under way. */
const MAX_IN_FLIGHT = 256;

/** With the default of 1 MiB that may wait for a client, 16 requests. */
const FIRST_ANSWER_BYTES = 64 * 1024;

export interface SessionOwner {
  sessionClosed(session: Session, error: Error | undefined): void;
}

export class Session implements RequestHandler, ClientHandler, Flushable {
  readonly core: ProxyCore;
  readonly pool: ProxyPool;
  readonly socket: ClientSocket;
  /** Answers that are next to leave. */
  readonly output: ByteQueue;
  /** The oldest request without a whole answer. */
  head: Slot | null = null;
  #tail: Slot | null = null;
  /** Requests in the queue. */
  #queued = 0;
  /** By `performance.now()`: when the client last sent anything. */
  lastActiveMs: number;
  closed = false;
  /** Keys whose values this client is to load, for the pool's leases. */
  tickets: Set<string> | null = null;
  readonly #owner: SessionOwner;
  readonly #parser: TextRequestParser;
  /** A value that is on its way from the client. */
  #upload: Upload | null = null;
  #pending: PendingBytes | null = null;
  /** Buffers that the socket still reads from. */
  readonly #lent: Buffer[] = [];
  #dirty = false;
  #paused = false;
  /** A request that must be answered before the next is looked at. */
  #barrier: Slot | null = null;
  /** No further request is read: `quit`, or a fault. It ends when all is answered. */
  #ending = false;
  #inputEnded = false;
  #greeted = false;
  /**
   * What an answer is expected to have, in bytes, so that few large ones are asked for at a time: it grows with the first
   * large ones and shrinks slowly. A new client is asked to show first that its answers are small.
   */
  #answerBytes = FIRST_ANSWER_BYTES;
  /** Answers that were finished since the last flush. */
  #answers = 0;

  constructor(core: ProxyCore, pool: ProxyPool, socket: ClientSocket, owner: SessionOwner, nowMs: number) {
    this.core = core;
    this.pool = pool;
    this.socket = socket;
    this.output = new ByteQueue(core.buffers);
    this.#owner = owner;
    this.lastActiveMs = nowMs;
    this.#parser = new TextRequestParser(core.parserOptions);
  }

  // ---- bytes in ----

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.lastActiveMs = this.pool.backend.now();
    if (this.#ending || this.closed) return;
    if (!this.#greeted) {
      this.#greeted = true;
      if (buffer[start] === BINARY_MAGIC) {
        this.answer(binaryRefusal(buffer, start, end));
        this.end();
        return;
      }
    }
    if (this.#paused || this.#pending !== null) {
      this.#keep(buffer, start, end);
      if (!this.#paused) this.#runPending();
      return;
    }
    const consumed = this.#run(buffer, start, end);
    if (consumed < end && !this.#isEnding()) this.#keep(buffer, consumed, end);
  }

  onDrain(): void {
    for (const buffer of this.#lent) this.core.buffers.give(buffer);
    this.#lent.length = 0;
    if (this.#paused) this.touch();
  }

  onInputEnd(): void {
    // What came before it is still answered.
    this.#inputEnded = true;
    this.touch();
  }

  onClosed(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#upload = null;
    this.#dropPending();
    for (let slot = this.head; slot !== null;) {
      const next: Slot | null = slot.next;
      slot.session = null;
      slot.leaveQueue();
      slot = next;
    }
    this.head = this.#tail = null;
    this.output.clear();
    for (const buffer of this.#lent) this.core.buffers.give(buffer);
    this.#lent.length = 0;
    this.pool.leases?.gone(this);
    this.#owner.sessionClosed(this, error);
  }

  // ---- the parser's calls ----

  onRequest(request: TextRequest): Verdict {
    this.pool.counts.requests++;
    dispatch(this, request);
    return this.#next();
  }

  onValueStart(request: TextRequest): Verdict {
    if (request.valueBytes > this.pool.config.limits.valueBytes) return Verdict.SKIP;
    this.#upload = new Upload(request);
    return Verdict.CONTINUE;
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    this.#upload?.append(buffer, start, end);
  }

  onValueEnd(request: TextRequest, terminated: boolean, skipped: boolean): Verdict {
    const upload = this.#upload;
    this.#upload = null;
    this.pool.counts.requests++;
    if (skipped || upload === null) {
      if (!request.noreply) this.answer(ErrorLines.tooLarge);
    } else if (!terminated) {
      if (!request.noreply) this.answer(Upload.badChunk);
    } else {
      upload.completeInto(request);
      dispatch(this, request);
    }
    return this.#next();
  }

  onError(error: RequestError, quiet: boolean, request: TextRequest): Verdict {
    this.pool.counts.requests++;
    if (!dispatchUnknown(this, error, request) && !quiet && error.line.length > 0) this.answer(error.line);
    if (error.close) this.end();
    return this.#next();
  }

  // ---- for dispatch ----

  /** Answers with constant bytes, behind all earlier answers. */
  answer(line: Uint8Array): void {
    if (this.head === null) {
      this.give(line, 0, line.length);
      return;
    }
    const slot = this.core.slots.take();
    slot.pool = this.pool;
    this.enqueue(slot);
    slot.give(line, 0, line.length);
    slot.finish();
  }

  /** Puts a slot at the end of the queue. */
  enqueue(slot: Slot): void {
    slot.session = this;
    slot.inQueue = true;
    if (this.#tail === null) this.head = slot;
    else this.#tail.next = slot;
    this.#tail = slot;
    this.#queued++;
  }

  /** Looks at no further request before this one is answered. */
  waitFor(slot: Slot): void {
    this.#barrier = slot;
  }

  /** Reads no more; ends the connection when all that was asked is answered. */
  end(): void {
    this.#ending = true;
    this.#dropPending();
    this.touch();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.socket.destroy();
  }

  // ---- for its slots ----

  /** Adds to the output what the first slot in the queue has to say. */
  give(bytes: Uint8Array, start: number, end: number): void {
    this.output.append(bytes, start, end);
    this.touch();
  }

  /** There is something to write, or room to go on: looks at it at the end of the pass. */
  touch(): void {
    if (this.#dirty || this.closed) return;
    this.#dirty = true;
    this.core.pass.addClient(this);
  }

  /** A slot has all of its answer. */
  finished(slot: Slot): void {
    if (this.#barrier === slot) {
      this.#barrier = null;
      this.touch();
    }
    if (this.head !== slot) return;
    let first: Slot | null = slot;
    do {
      const next: Slot | null = first.next;
      this.head = next;
      this.#queued--;
      this.#answers++;
      first.leaveQueue();
      first = next;
      if (first !== null && first.held.length > 0) {
        this.output.take(first.held);
        this.touch();
      }
    } while (first?.done === true);
    if (first === null) this.#tail = null;
    if (this.#paused || this.#ending || this.#inputEnded) this.touch();
  }

  // ---- answers out ----

  flush(): void {
    this.#dirty = false;
    if (this.closed) return;
    const bytes = this.output.length;
    if (bytes > 0) {
      if (this.#answers > 0) {
        const mean = bytes / this.#answers;
        this.#answerBytes = mean > this.#answerBytes ? mean : this.#answerBytes + (mean - this.#answerBytes) / 8;
        this.#answers = 0;
      }
      this.output.flush(this.#write, this.#lent);
    }
    if (this.#paused && !this.#ending && this.#hasRoom()) this.#goOn();
    if (this.head === null && (this.#ending || (this.#inputEnded && !this.#paused))) this.socket.end();
  }

  readonly #write = (pieces: Buffer[]): boolean => this.socket.write(pieces);

  // ---- reading and its brakes ----

  /** @returns the first byte not consumed */
  #run(buffer: Buffer, start: number, end: number): number {
    const at = this.#parser.parse(buffer, start, end, this);
    if (!this.#ending && !this.#hasRoom()) this.#pause();
    return at;
  }

  #runPending(): void {
    const pending = this.#pending;
    if (pending === null) return;
    const consumed = this.#run(pending.buffer, pending.start, pending.end);
    // The session may have ended meanwhile and dropped its bytes.
    if (this.#pending !== pending) return;
    pending.start = consumed;
    if (pending.length === 0 || this.#ending) this.#dropPending();
  }

  #goOn(): void {
    this.#paused = false;
    this.#runPending();
    if (!this.#isPaused() && !this.closed) this.socket.resume();
  }

  /** What has been read may have ended it, which the compiler doesn't see. */
  #isEnding(): boolean {
    return this.#ending;
  }

  /** The run may have paused it again, which the compiler doesn't see. */
  #isPaused(): boolean {
    return this.#paused;
  }

  #pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  #next(): Verdict {
    return this.#ending || !this.#hasRoom() ? Verdict.STOP : Verdict.CONTINUE;
  }

  #hasRoom(): boolean {
    if (this.#barrier !== null || this.#queued >= MAX_IN_FLIGHT) return false;
    const waiting = this.output.length + this.socket.waiting;
    const limit = this.pool.config.limits.clientBytes;
    return waiting <= limit && (this.#queued === 0 || waiting + this.#queued * this.#answerBytes <= limit);
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    this.#pending ??= new PendingBytes(this.core.buffers);
    this.#pending.append(buffer, start, end);
  }

  #dropPending(): void {
    this.#pending?.release();
    this.#pending = null;
  }
}

// One client: bytes in, answers out, strictly in request order. A session is handed bytes and writes into an output;
// it knows no socket and doesn't decide when its thread flushes others. It is reading, parked (somebody has to decide
// or it is the others' turn), draining (the client reads too slowly) or closed. Parked or draining it executes and
// reads nothing more and keeps at most what had already arrived.

import {
  Command,
  Lines,
  TextRequestParser,
  Verdict,
  type RequestError,
  type RequestHandler,
  type TextRequest,
} from "@marugoto/protocol";
import { beginValue, endValue, execute, type ValueInFlight } from "./commands/execute.ts";
import type { Walk } from "./commands/dump.ts";
import { Count } from "./counters.ts";
import type { DisconnectReason } from "./events.ts";
import type { Decision, TakenOver } from "./hooks.ts";
import { OUTPUT_LIMIT, type Output, type Slab } from "./output.ts";
import { PendingBytes } from "./pending-bytes.ts";
import type { ServerCore } from "./server-core.ts";
import type { ByteHandler, Transport } from "./transport/transport.ts";

export const SessionState = { reading: 0, parked: 1, draining: 2, closed: 3 } as const;
export type SessionState = (typeof SessionState)[keyof typeof SessionState];

/** Why the parser was told to stop. */
const Stop = { no: 0, output: 1, turn: 2, parked: 3, close: 4 } as const;
type Stop = (typeof Stop)[keyof typeof Stop];

/** First byte of every request of the binary protocol, which is not spoken here: better closed than left waiting. */
const BINARY_MAGIC = 0x80;

/** The verbosity from which on the `request` event tells every command: `-vv`. */
const TELLS_REQUESTS = 2;

/** Answers that wait for the end of the pass, for `beforeAnswers`, or for a request that was taken over, in order. */
interface HeldAnswers {
  /** Undefined: the bytes are nobody else's. */
  readonly slab: Slab | undefined;
  buffer: Buffer;
  readonly start: number;
  end: number;
  readonly pinned: PinnedValue | undefined;
  released: boolean;
}

/** The value of a request that is taken over, while it arrives. */
interface Collecting {
  readonly request: Buffer;
  at: number;
  readonly decision: TakenOver;
}

const noBytes = Buffer.alloc(0);

const internalError = Buffer.from("SERVER_ERROR internal error\r\n", "latin1");

/** A value that leaves from its place in the store, behind the bytes written so far. */
export interface PinnedValue {
  readonly pieces: readonly Buffer[];
  /** Called once nobody reads the pieces any more. */
  readonly release: () => void;
}

export class Session implements RequestHandler, ByteHandler {
  readonly id: number;
  readonly core: ServerCore;
  readonly transport: Transport;
  readonly output: Output;
  state: SessionState = SessionState.reading;
  /** Second of the clock at which the client last sent anything. */
  lastActive: number;
  /** Second of the clock at which a request was last executed. */
  lastCommandAt: number;
  /** The key of a multi-key get at which to go on after a pause; 0 = a fresh request. */
  resumeKey = 0;
  /** How far a command that walks over all items has come; undefined = none does. */
  walk: Walk | undefined;
  /** Second of the clock at which this side decided to end the connection; 0 = it has not. */
  closingSince = 0;
  disconnectReason: DisconnectReason = "client";
  readonly #parser: TextRequestParser;
  #pending: PendingBytes | undefined;
  #value: ValueInFlight | undefined;
  #collecting: Collecting | undefined;
  #stop: Stop = Stop.no;
  #budget = 0;
  /** How many promises and turns have to come before the session goes on. */
  #parks = 0;
  /** What a hook decided about the request that it held. */
  #decision: Decision | undefined;
  #held: HeldAnswers[] = [];
  /** Those of them that leave at the end of this pass of the loop. */
  #due: HeldAnswers[] = [];
  /** The same for the first answers of a pass while nothing else is held: the slab and its range, without an object. */
  #dueSlab: Slab | undefined;
  #dueStart = 0;
  #dueEnd = 0;
  /** Slabs that the transport still reads from. */
  #lent: Slab[] | undefined;
  #pinned: PinnedValue | undefined;
  #inputEnded = false;
  /** The client has said its first byte. */
  #greeted = false;

  constructor(core: ServerCore, transport: Transport, id: number) {
    this.core = core;
    this.transport = transport;
    this.id = id;
    this.output = core.output;
    this.lastActive = core.clock.seconds;
    this.lastCommandAt = core.clock.seconds;
    this.#parser = new TextRequestParser(core.parserOptions);
  }

  // ---- bytes in ----

  onBytes(buffer: Buffer, start: number, end: number): void {
    const { core } = this;
    core.counts[Count.bytes_read]! += end - start;
    this.lastActive = core.clock.seconds;
    if (this.closingSince !== 0) return;
    if (!this.#greeted && !this.#greet(buffer, start)) return;
    let from = start;
    const pending = this.#pending;
    if (pending !== undefined || this.state !== SessionState.reading) {
      if (pending === undefined || pending.length > start || this.state !== SessionState.reading) {
        this.#keep(buffer, start, end);
        if (this.state === SessionState.reading) this.#runPending();
        return;
      }
      // What waits fits in front of what has come: joined there, nothing large is copied.
      from -= pending.length;
      pending.buffer.copy(buffer, from, pending.start, pending.end);
      this.#dropPending();
    }
    const consumed = this.#run(buffer, from, end);
    if (consumed < end) this.#keep(buffer, consumed, end);
  }

  onDrain(): void {
    this.#releaseLent();
    if (this.state !== SessionState.draining) return;
    this.state = SessionState.reading;
    this.#goOn();
  }

  onInputEnd(): void {
    this.#inputEnded = true;
    if (this.state === SessionState.reading) this.#end();
  }

  onClosed(error: Error | undefined): void {
    if (error !== undefined && this.closingSince === 0) this.disconnectReason = "error";
    this.state = SessionState.closed;
    this.#dropPending();
    this.#releaseLent();
    for (const { slab, pinned } of this.#held) {
      if (slab !== undefined) this.output.release(slab);
      pinned?.release();
    }
    if (this.#dueSlab !== undefined) this.output.release(this.#dueSlab);
    this.#dueSlab = undefined;
    this.#held = [];
    this.#due = [];
    this.#collecting = undefined;
    const value = this.#value;
    this.#value = undefined;
    if (value !== undefined) this.core.store.release(value.reservation);
    this.core.sessionClosed(this);
  }

  /** Ends the connection from this side; what was answered still leaves. */
  close(reason: DisconnectReason): void {
    if (this.state === SessionState.closed) return;
    this.disconnectReason = reason;
    this.#end();
  }

  /** Ends the connection at once. */
  destroy(reason: DisconnectReason): void {
    if (this.state === SessionState.closed) return;
    this.disconnectReason = reason;
    this.transport.destroy();
  }

  /** True between the head of a value and its last byte, and with half a line waiting. */
  get midRequest(): boolean {
    return this.#value !== undefined || this.#collecting !== undefined || this.#pending !== undefined;
  }

  // ---- the parser's calls ----

  onRequest(request: TextRequest): Verdict {
    if (this.core.hooks.beforeExecute !== undefined && !this.#resumes) {
      const decision = this.#decide(request);
      if (decision === undefined) return Verdict.HOLD;
      if (decision !== "run") {
        if ("takeOver" in decision) this.#takeOver(decision, wholeRequest(request));
        else if (!request.noreply) this.output.text(`${decision.refuse}\r\n`);
        return this.#afterRequest();
      }
    }
    if (this.core.verbosity >= TELLS_REQUESTS && !this.#resumes) this.#tell(request);
    execute(this, request);
    return this.#afterRequest();
  }

  onValueStart(request: TextRequest): Verdict {
    if (this.core.hooks.beforeExecute !== undefined) {
      const decision = this.#decide(request);
      if (decision === undefined) return Verdict.HOLD;
      if (decision !== "run") {
        if ("takeOver" in decision) {
          this.#collecting = startCollecting(request, decision);
          return Verdict.CONTINUE;
        }
        if (!request.noreply) this.output.text(`${decision.refuse}\r\n`);
        return Verdict.SKIP;
      }
    }
    if (this.core.verbosity >= TELLS_REQUESTS) this.#tell(request);
    this.#value = beginValue(this, request);
    return this.#value === undefined ? Verdict.SKIP : Verdict.CONTINUE;
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    if (this.#value !== undefined) {
      this.core.store.fill(this.#value.reservation, buffer, start, end);
    } else if (this.#collecting !== undefined) {
      this.#collecting.at += buffer.copy(this.#collecting.request, this.#collecting.at, start, end);
    }
  }

  onValueEnd(request: TextRequest, terminated: boolean, skipped: boolean): Verdict {
    const value = this.#value;
    const collecting = this.#collecting;
    if (collecting !== undefined) {
      this.#collecting = undefined;
      if (terminated) this.#takeOver(collecting.decision, collecting.request);
      else if (request.command === Command.metaSet || !request.noreply) this.output.line(Lines.badDataChunk);
    } else if (!skipped && value !== undefined) {
      this.#value = undefined;
      endValue(this, request, value, terminated);
    }
    return this.#afterRequest();
  }

  onError(error: RequestError, quiet: boolean): Verdict {
    if (!quiet) this.output.line(error.line);
    if (error.close) this.#stop = Stop.close;
    return this.#afterRequest();
  }

  // ---- for commands ----

  /** `quit` and `shutdown`: end once the answers so far have left. */
  stopAndClose(): void {
    this.#stop = Stop.close;
  }

  /** Executes nothing more until the promise settles. */
  parkUntil(promise: Promise<unknown>): void {
    this.#stop = Stop.parked;
    this.#park();
    promise.then(this.#unpark, (error: unknown) => {
      this.core.events.emit("error", { what: "parked command", error });
      this.#unpark();
    });
  }

  /** Lets the others have their turn; the command returns and is called again with the same request. */
  yieldTurn(): void {
    this.#stop = Stop.turn;
  }

  /** The present request was begun earlier and goes on. */
  get #resumes(): boolean {
    return this.resumeKey > 0 || this.walk !== undefined;
  }

  /**
   * Sends what is written so far in the middle of a long answer.
   *
   * @returns false when the client doesn't keep up, or a hook holds the answers: the command has to return, and is
   *   called again with the same request when the session goes on
   */
  sendSome(): boolean {
    this.#send();
    if (this.state !== SessionState.reading) {
      this.#stop = Stop.parked;
      return false;
    }
    if (this.transport.waiting > OUTPUT_LIMIT) {
      this.#stop = Stop.output;
      return false;
    }
    this.output.open();
    return true;
  }

  /**
   * Puts a large value behind the bytes written so far; it is read from where it lies. Before anything else is written,
   * `sendSome` has to be called or the request be done.
   */
  writePinned(value: PinnedValue): void {
    this.#pinned = value;
  }

  /** True while a pinned value waits for `sendSome`. */
  get hasPinned(): boolean {
    return this.#pinned !== undefined;
  }

  /** For `-vv`: the line as it came, with `?` for what is no printable ASCII. */
  #tell(request: TextRequest): void {
    const line = request.input.toString("latin1", request.lineStart, request.lineEnd).trimEnd();
    this.core.events.emit("request", { id: this.id, line: line.replace(/[^ -~]/g, "?") });
  }

  /** Looks at the first byte of a connection. @returns false when it is not our protocol, and the session ends */
  #greet(buffer: Buffer, start: number): boolean {
    this.#greeted = true;
    if (buffer[start] !== BINARY_MAGIC && this.core.options.bindingProtocol !== "binary") return true;
    this.close("server");
    return false;
  }

  // ---- the loop ----

  /** @returns the first byte not consumed */
  #run(buffer: Buffer, start: number, end: number): number {
    let at = start;
    this.#budget = this.core.requestsPerEvent;
    for (;;) {
      this.#stop = Stop.no;
      this.output.open();
      at = this.#parser.parse(buffer, at, end, this);
      this.#sendLater();
      const stop = this.#whyStopped();
      if (stop === Stop.close) {
        this.disconnectReason = "client";
        this.#end();
        return end;
      }
      if (this.state !== SessionState.reading) break;
      if (this.transport.waiting > OUTPUT_LIMIT) {
        this.state = SessionState.draining;
        break;
      }
      if (stop === Stop.no || at >= end) return at;
      if (stop === Stop.turn) {
        this.core.counts[Count.conn_yields]!++;
        this.#park();
        setImmediate(this.#unpark);
        break;
      }
    }
    this.transport.pause();
    return at;
  }

  #runPending(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const consumed = this.#run(pending.buffer, pending.start, pending.end);
    // The session may have ended meanwhile and dropped its bytes.
    if (this.#pending !== pending) return;
    pending.start = consumed;
    if (pending.length === 0) this.#dropPending();
  }

  /** Reads and executes again after a pause, unless something else holds the session. */
  #goOn(): void {
    if (this.closingSince !== 0) {
      this.#end();
      return;
    }
    this.#runPending();
    if (this.state !== SessionState.reading) return;
    if (this.#inputEnded) this.#end();
    else this.transport.resume();
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    this.#pending ??= new PendingBytes(this.core.pendingPool, end - start);
    this.#pending.append(buffer, start, end);
  }

  #dropPending(): void {
    this.#pending?.release();
    this.#pending = undefined;
  }

  #whyStopped(): Stop {
    return this.#stop;
  }

  /** After each request: whether there is room and time for the next. */
  #afterRequest(): Verdict {
    this.lastCommandAt = this.core.clock.seconds;
    if (this.#stop !== Stop.no) return this.#resumes ? Verdict.HOLD : Verdict.STOP;
    if (this.output.length > OUTPUT_LIMIT || this.#pinned !== undefined) this.#stop = Stop.output;
    else if (--this.#budget <= 0) this.#stop = Stop.turn;
    else return Verdict.CONTINUE;
    return Verdict.STOP;
  }

  // ---- parking ----

  #park(): void {
    this.#parks++;
    this.state = SessionState.parked;
  }

  readonly #unpark = (): void => {
    this.#parks--;
    if (this.#parks > 0 || this.state !== SessionState.parked) return;
    if (this.transport.waiting > OUTPUT_LIMIT) {
      this.state = SessionState.draining;
      return;
    }
    this.state = SessionState.reading;
    this.#goOn();
  };

  /** Asks the hook about a request; undefined = it decides later, and the same request comes again then. */
  #decide(request: TextRequest): Decision | undefined {
    const decided = this.#decision;
    if (decided !== undefined) {
      this.#decision = undefined;
      return decided;
    }
    const admission = this.core.hooks.beforeExecute!(request, this);
    if (admission === "run" || !("later" in admission)) return admission;
    this.#stop = Stop.parked;
    this.#park();
    const settle = (decision: Decision | "again") => {
      this.#decision = decision === "again" ? undefined : decision;
      this.#unpark();
    };
    admission.later.then(settle, (error: unknown) => {
      this.core.events.emit("error", { what: "beforeExecute", error });
      settle({ refuse: "SERVER_ERROR internal error" });
    });
    return undefined;
  }

  // ---- answers out ----

  /**
   * Where a hook is asked before answers leave: keeps a few of them until the pass of the loop ends, when those of all sessions
   * leave, and the hook is asked once. Otherwise, and where much is to be sent, the same as `#send`.
   */
  #sendLater(): void {
    const { output } = this;
    const { batch } = this.core;
    if (
      batch === undefined ||
      this.#pinned !== undefined ||
      output.length > OUTPUT_LIMIT ||
      this.transport.isSynchronous
    ) {
      this.#send();
    } else if (output.length > 0) {
      const isFirst = this.#dueSlab === undefined && this.#due.length === 0;
      if (isFirst) batch.add(this);
      if (isFirst && this.#held.length === 0) {
        this.#dueStart = output.start;
        this.#dueEnd = output.at;
        this.#dueSlab = output.kept();
      } else {
        this.#holdFirst();
        this.#due.push(this.#hold());
      }
    }
  }

  /** The pass ends. @param wait what the hook says: undefined = answers leave now */
  sendDue(wait: Promise<void> | undefined): void {
    if (wait === undefined) {
      this.#releaseDue();
      if (this.state === SessionState.reading && this.transport.waiting > OUTPUT_LIMIT) {
        this.state = SessionState.draining;
        this.transport.pause();
      }
      return;
    }
    this.#holdFirst();
    if (this.#due.length === 0) return;
    const due = this.#due;
    this.#due = [];
    this.#releaseAfter(wait, due);
    this.transport.pause();
  }

  /** Hands the written answers to the transport, or keeps them until the hook lets them go. */
  #send(): void {
    const { output } = this;
    const pinned = this.#pinned;
    if (output.length === 0 && pinned === undefined) return;
    const wait = this.core.hooks.beforeAnswers?.();
    if (wait === undefined) this.#releaseDue();
    if (wait === undefined && this.#held.length === 0) {
      this.#pinned = undefined;
      if (this.#write(output.buffer, output.start, output.at, pinned)) output.taken();
      else this.#lend(output.kept());
      return;
    }
    this.#holdFirst();
    const due = this.#due;
    this.#due = [];
    due.push(this.#hold());
    this.#releaseAfter(wait ?? Promise.resolve(), due);
  }

  /** Keeps what is written so far behind what was kept before. */
  #hold(): HeldAnswers {
    const { output } = this;
    const { start, at: end } = output;
    const slab = output.kept();
    const held: HeldAnswers = { slab, buffer: slab.buffer, start, end, pinned: this.#pinned, released: false };
    this.#pinned = undefined;
    this.#held.push(held);
    return held;
  }

  /** The first answers of the pass, now that others come behind them. */
  #holdFirst(): void {
    const slab = this.#dueSlab;
    if (slab === undefined) return;
    this.#dueSlab = undefined;
    const [start, end] = [this.#dueStart, this.#dueEnd];
    const held: HeldAnswers = { slab, buffer: slab.buffer, start, end, pinned: undefined, released: false };
    this.#held.push(held);
    this.#due.push(held);
  }

  #releaseDue(): void {
    const slab = this.#dueSlab;
    if (slab !== undefined) {
      this.#dueSlab = undefined;
      if (this.#write(slab.buffer, this.#dueStart, this.#dueEnd, undefined)) this.output.release(slab);
      else this.#lend(slab);
      if (this.closingSince !== 0 && this.#held.length === 0) this.transport.end();
      return;
    }
    if (this.#due.length === 0) return;
    for (const held of this.#due) held.released = true;
    this.#due.length = 0;
    this.#sendHeld();
  }

  /** Executes nothing more until the promise settles; then these answers may leave. */
  #releaseAfter(wait: Promise<void>, due: readonly HeldAnswers[]): void {
    this.#park();
    const release = () => {
      for (const held of due) held.released = true;
      this.#sendHeld();
      this.#unpark();
    };
    wait.then(release, (error: unknown) => {
      this.core.events.emit("error", { what: "beforeAnswers", error });
      release();
    });
  }

  /** The request is executed elsewhere; what is written later leaves behind its answer. */
  #takeOver({ takeOver }: TakenOver, request: Buffer): void {
    this.#sendLater();
    this.#holdFirst();
    this.output.open();
    if (this.state !== SessionState.reading) this.#stop = Stop.parked;
    const held: HeldAnswers = {
      slab: undefined,
      buffer: noBytes,
      start: 0,
      end: 0,
      pinned: undefined,
      released: false,
    };
    this.#held.push(held);
    const release = (answer: Buffer) => {
      held.buffer = answer;
      held.end = answer.length;
      held.released = true;
      if (this.state !== SessionState.closed) this.#sendHeld();
    };
    takeOver(request).then(release, (error: unknown) => {
      this.core.events.emit("error", { what: "takeOver", error });
      release(internalError);
    });
  }

  #sendHeld(): void {
    while (this.#held[0]?.released === true) {
      const { slab, buffer, start, end, pinned } = this.#held.shift()!;
      if (end === start && pinned === undefined) continue;
      if (!this.#write(buffer, start, end, pinned)) {
        if (slab !== undefined) this.#lend(slab);
      } else if (slab !== undefined) {
        this.output.release(slab);
      }
    }
    if (this.#held.length === 0 && this.closingSince !== 0) this.transport.end();
  }

  /** @returns true when the transport needs the bytes no longer */
  #write(buffer: Buffer, start: number, end: number, pinned: PinnedValue | undefined): boolean {
    let sent = end - start;
    let taken: boolean;
    if (pinned === undefined) {
      taken = this.transport.write(buffer, start, end);
    } else {
      for (const piece of pinned.pieces) sent += piece.length;
      taken = this.transport.writePieces([buffer.subarray(start, end), ...pinned.pieces], pinned.release);
    }
    this.core.counts[Count.bytes_written]! += sent;
    return taken;
  }

  /** The transport still reads from the slab; it is given back when all has left. */
  #lend(slab: Slab): void {
    (this.#lent ??= []).push(slab);
  }

  #releaseLent(): void {
    const lent = this.#lent;
    if (lent === undefined) return;
    this.#lent = undefined;
    for (const slab of lent) this.output.release(slab);
  }

  #end(): void {
    this.#dropPending();
    if (this.closingSince === 0) this.closingSince = this.core.clock.seconds;
    // Nothing is read or executed any more; what is held or waits still leaves.
    if (this.state === SessionState.reading) this.state = SessionState.draining;
    if (this.#held.length === 0 && this.#dueSlab === undefined) this.transport.end();
  }
}

/** A request that is here as a whole, line and value, as it came. */
function wholeRequest({ input, lineStart, lineEnd, valueBytes, valueEnd }: TextRequest): Buffer {
  return Buffer.from(input.subarray(lineStart, valueBytes < 0 ? lineEnd : valueEnd + 2));
}

/** Room for a request of which the line is here; the value's line end is in its place. */
function startCollecting({ input, lineStart, lineEnd, valueBytes }: TextRequest, decision: TakenOver): Collecting {
  const request = Buffer.allocUnsafeSlow(lineEnd - lineStart + valueBytes + 2);
  const at = input.copy(request, 0, lineStart, lineEnd);
  request.write("\r\n", request.length - 2, "latin1");
  return { request, at, decision };
}

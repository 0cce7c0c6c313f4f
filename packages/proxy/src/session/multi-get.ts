// get, gets, gat and gats of keys that live on several servers: split into one request per server, joined again in the
// order of the keys, duplicates kept. A server that can't be asked costs its own keys, which are misses then, and nothing
// else; only when no server has answered, or the pool has `partial_gets: false`, is that the answer.

import { CacheError, isCacheError } from "@marugoto/core";
import { Expect, type Sink } from "@marugoto/client";
import { Command, Lines, Reply, writeInt32, type TextRequest, type TextResponse } from "@marugoto/protocol";
import { DetourRequest } from "../recovery/detour-request.ts";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ByteQueue, type BufferPool } from "./byte-queue.ts";
import { errorLine, ErrorLines } from "./error-lines.ts";
import { fittingReplies } from "./fitting-replies.ts";
import type { Slot } from "./slot.ts";

const SPACE = 0x20;
const nothing = Buffer.alloc(0);
const CRLF = Buffer.from("\r\n", "latin1");

/** Most keys and bytes of one line to a server: more are asked for in several lines. */
const MAX_LINE_KEYS = 100;
const MAX_LINE_BYTES = 8000;

const RETRIEVAL = fittingReplies(Command.get);

/** Longest head of a line, without keys. */
const HEAD_BYTES = 16;

/** Joins and parts that are kept for later. */
const SPARE = 1024;

/** The keys of a request that one connection is asked for. */
class Part implements Sink {
  join: Join | null = null;
  node: Node | null = null;
  link = -1;
  /** The lines as sent, which keep the keys as long as the answer is awaited. */
  lines: Buffer = Buffer.allocUnsafeSlow(1024);
  linesEnd = 0;
  /** Where each line ends. */
  readonly lineEnds: number[] = [];
  /** Keys of the line that is being written. */
  lineKeys = 0;
  /** Per key: where it stands in `lines`, and which of the request's keys it is. */
  readonly keyStarts: number[] = [];
  readonly keyEnds: number[] = [];
  readonly keyIndexes: number[] = [];
  /** The first key that no answer has passed yet. */
  at = 0;
  /** Lines without an END. */
  pending = 0;
  /** Bytes of the lines that have ended. */
  #endedBytes = 0;
  answered = false;
  /** The rows that came, one behind the other. */
  readonly rows: ByteQueue;
  /** The key of the row that comes in pieces. */
  #started = -1;

  constructor(buffers: BufferPool) {
    this.rows = new ByteQueue(buffers);
  }

  reset(): void {
    this.join = null;
    this.node = null;
    this.linesEnd = 0;
    this.lineEnds.length = 0;
    this.lineKeys = 0;
    this.keyStarts.length = this.keyEnds.length = this.keyIndexes.length = 0;
    this.at = 0;
    this.pending = 0;
    this.#endedBytes = 0;
    this.answered = false;
    this.#started = -1;
    this.rows.clear();
    if (this.lines.length > 16 * 1024) this.lines = Buffer.allocUnsafeSlow(1024);
  }

  addKey(head: Buffer, headEnd: number, key: Buffer, start: number, end: number, index: number): void {
    const length = end - start;
    const lineStart = this.lineEnds.length === 0 ? 0 : this.lineEnds[this.lineEnds.length - 1]!;
    const isFull = this.lineKeys === MAX_LINE_KEYS || this.linesEnd - lineStart + length + 3 > MAX_LINE_BYTES;
    if (this.lineKeys > 0 && isFull) this.endLine();
    if (this.linesEnd + length + HEAD_BYTES + 3 > this.lines.length) this.#grow(length);
    const { lines } = this;
    let at = this.linesEnd;
    if (this.lineKeys === 0) {
      for (let i = 0; i < headEnd; i++) lines[at++] = head[i]!;
    }
    lines[at++] = SPACE;
    this.keyStarts.push(at);
    for (let i = start; i < end; i++) lines[at++] = key[i]!;
    this.keyEnds.push(at);
    this.keyIndexes.push(index);
    this.linesEnd = at;
    this.lineKeys++;
  }

  endLine(): void {
    this.lines[this.linesEnd++] = 0x0d;
    this.lines[this.linesEnd++] = 0x0a;
    this.lineEnds.push(this.linesEnd);
    this.lineKeys = 0;
  }

  send(pool: ProxyPool, deadlineMs: number): void {
    const node = this.node!;
    this.pending = this.lineEnds.length;
    let start = 0;
    for (let i = 0; i < this.lineEnds.length; i++) {
      const end = this.lineEnds[i]!;
      try {
        pool.send(node, this.link, this.lines, start, end, this, deadlineMs, Expect.one);
      } catch (error) {
        if (!isCacheError(error)) throw error;
        pool.counts.forwardErrors++;
        this.#endLines(this.lineEnds.length - i, errorLine(error));
        return;
      }
      start = end;
    }
  }

  /** The whole answer for one key, from elsewhere than a connection to its server. */
  answerWhole(bytes: Buffer, index: number): void {
    const rowBytes = bytes.length - Lines.end.length;
    const isEnded = rowBytes >= 0 && bytes.subarray(rowBytes).equals(Lines.end);
    if (isEnded) {
      this.answered = true;
      this.rows.append(bytes, 0, rowBytes);
      if (rowBytes > 0) this.join!.rowOf(index, this, 0, rowBytes);
    }
    this.pending = 1;
    this.#endLines(1, isEnded ? null : bytes);
  }

  // ---- Sink ----

  onAnswer(response: TextResponse, last: boolean): void {
    const { counts } = this.node!;
    if (((RETRIEVAL >> response.reply) & 1) === 0) {
      this.#refuse(last);
      return;
    }
    if (response.reply === Reply.value) {
      if (response.valueStart < 0) {
        this.rows.append(CRLF, 0, 2);
        this.#endRow(this.#started);
      } else {
        const index = this.#find(response);
        if (index < 0) {
          this.#refuse(last);
          return;
        }
        const start = this.rows.length;
        this.rows.append(response.input, response.lineStart, response.valueEnd + 2);
        counts[NodeCount.responseBytes]! += this.rows.length - start;
        this.join!.rowOf(index, this, start, this.rows.length);
      }
      return;
    }
    if (!last) return;
    counts[NodeCount.responses]!++;
    this.#countOff();
    if (response.reply === Reply.end) {
      this.answered = true;
      this.#endLines(1, null);
    } else {
      // A server's own error: its keys are misses, and its words are kept for the case that nobody has better ones.
      this.#endLines(1, Buffer.from(response.input.subarray(response.lineStart, response.lineEnd)));
    }
  }

  onValueStart(response: TextResponse): void {
    const index = this.#find(response);
    if (index < 0) {
      this.#refuse(false);
      return;
    }
    this.#started = index;
    this.join!.rowOf(index, this, this.rows.length, -1);
    this.rows.append(response.input, response.lineStart, response.lineEnd);
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    this.rows.append(buffer, start, end);
    this.node!.counts[NodeCount.responseBytes]! += end - start;
  }

  /** The answer is another's: the connection ends, and with it all that waits on it. */
  #refuse(last: boolean): void {
    const node = this.node!;
    const join = this.join!;
    join.pool!.violated(node, this.link);
    if (!last) return;
    this.onFailure(new CacheError("protocol_violation", `${node.name}: an answer that does not fit its request`));
  }

  onFailure(error: CacheError): void {
    this.#countOff();
    this.#endLines(1, this.node!.failed(error));
  }

  onDeadline(): number {
    const join = this.join!;
    this.#countOff();
    join.pool!.timedOut(this.node!);
    this.#endLines(1, ErrorLines.timedOut);
    return Infinity;
  }

  /** The oldest line that was sent is not awaited any more. */
  #countOff(): void {
    const end = this.lineEnds[this.lineEnds.length - this.pending]!;
    this.node!.counts[NodeCount.unansweredBytes]! -= end - this.#endedBytes;
    this.#endedBytes = end;
  }

  #endRow(index: number): void {
    if (index >= 0) this.join!.endRow(index, this.rows.length);
    this.#started = -1;
  }

  #endLines(lines: number, error: Buffer | null): void {
    if (this.#started >= 0) {
      // Its value has come in part and will not come whole.
      this.join!.forgetRow(this.#started);
      this.#started = -1;
    }
    this.pending -= lines;
    const join = this.join!;
    if (error !== null) join.error ??= error;
    if (this.pending === 0) join.partEnded();
  }

  /** Which of the request's keys an answer is for: they come in the order they were asked for, misses left out. */
  #find(response: TextResponse): number {
    const { input, keyStart, keyEnd } = response;
    const length = keyEnd - keyStart;
    const { lines } = this;
    for (let k = this.at; k < this.keyIndexes.length; k++) {
      const start = this.keyStarts[k]!;
      if (this.keyEnds[k]! - start !== length) continue;
      let i = 0;
      while (i < length && lines[start + i] === input[keyStart + i]) i++;
      if (i < length) continue;
      this.at = k + 1;
      return this.keyIndexes[k]!;
    }
    return -1;
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafeSlow(2 * this.lines.length + more + HEAD_BYTES);
    this.lines.copy(grown, 0, 0, this.linesEnd);
    this.lines = grown;
  }
}

/** One client's request of many keys. */
export class Join {
  readonly #parts: Part[] = [];
  readonly #pool: JoinPool;
  slot: Slot | null = null;
  pool: ProxyPool | null = null;
  /** What the first server that failed has said. */
  error: Buffer | null = null;
  #open = 0;
  /** Per key: its row, as part number and range; no part = a miss. */
  readonly #partOf: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #head = Buffer.allocUnsafeSlow(HEAD_BYTES);

  constructor(pool: JoinPool) {
    this.#pool = pool;
  }

  /** Splits the request and sends its parts; `slot` is finished when all have ended. */
  start(pool: ProxyPool, slot: Slot, request: TextRequest): void {
    this.pool = pool;
    this.slot = slot;
    const { input, keyOffsets, keyCount } = request;
    const headEnd = this.#writeHead(request);
    /** Keys that do not take the short way. */
    let detours: number[] | undefined;
    for (let k = 0; k < keyCount; k++) {
      const start = keyOffsets[2 * k]!;
      const end = keyOffsets[2 * k + 1]!;
      this.#partOf.push(-1);
      this.#starts.push(0);
      this.#ends.push(0);
      const node = pool.owner(input, start, end);
      if (!node.isDirect) {
        (detours ??= []).push(k);
        continue;
      }
      this.#partFor(node, pool.linkOf(node, input, start, end)).addKey(this.#head, headEnd, input, start, end, k);
    }
    pool.counts.fragments += this.#parts.length;
    const deadlineMs = pool.deadlineMs();
    // One more than there are parts, so that parts that fail at once don't end it before all are sent.
    this.#open = this.#parts.length + (detours?.length ?? 0) + 1;
    const sent = this.#parts.length;
    for (let p = 0; p < sent; p++) {
      this.#parts[p]!.endLine();
      this.#parts[p]!.send(pool, deadlineMs);
    }
    if (detours !== undefined) for (const k of detours) this.#detour(pool, request, k, headEnd, deadlineMs);
    this.partEnded();
  }

  /** Asks for one key by the longer way. */
  #detour(pool: ProxyPool, request: TextRequest, k: number, headEnd: number, deadlineMs: number): void {
    const { input, keyOffsets, command } = request;
    const start = keyOffsets[2 * k]!;
    const end = keyOffsets[2 * k + 1]!;
    const key = input.toString("latin1", start, end);
    const words = [...this.#head.toString("latin1", 0, headEnd).split(" "), key];
    const part = this.#takePart(pool.owner(input, start, end), -1);
    const asked = new DetourRequest(command, key, words, nothing, { expect: Expect.one, deadlineMs });
    void pool.detours.take(part.node!, asked).then((answer) => {
      part.answerWhole(answer, k);
    });
  }

  rowOf(key: number, part: Part, start: number, end: number): void {
    this.#partOf[key] = this.#parts.indexOf(part);
    this.#starts[key] = start;
    this.#ends[key] = end;
  }

  endRow(key: number, end: number): void {
    this.#ends[key] = end;
  }

  forgetRow(key: number): void {
    this.#partOf[key] = -1;
  }

  partEnded(): void {
    if (--this.#open > 0) return;
    const slot = this.slot!;
    if (this.error !== null && !this.#isPartial()) {
      slot.give(this.error, 0, this.error.length);
    } else {
      this.#giveRows(slot);
      slot.give(Lines.end, 0, Lines.end.length);
    }
    this.slot = null;
    this.#pool.give(this);
    slot.land();
  }

  /** Whether what there is will do. */
  #isPartial(): boolean {
    return this.pool!.config.partialGets && this.#parts.some((part) => part.answered);
  }

  /** For the pool of joins. */
  reset(give: (part: Part) => void): void {
    for (const part of this.#parts) give(part);
    this.#parts.length = 0;
    this.#partOf.length = this.#starts.length = this.#ends.length = 0;
    this.pool = null;
    this.error = null;
  }

  #giveRows(slot: Slot): void {
    const target = slot.target();
    if (target === null) return;
    const parts = this.#parts;
    for (let k = 0; k < this.#partOf.length; k++) {
      const p = this.#partOf[k]!;
      if (p < 0) continue;
      // Neighbours in the answer that are neighbours in the part leave together.
      const start = this.#starts[k]!;
      let end = this.#ends[k]!;
      while (k + 1 < this.#partOf.length && this.#partOf[k + 1] === p && this.#starts[k + 1] === end) {
        end = this.#ends[++k]!;
      }
      const { rows } = parts[p]!;
      if (start === 0 && end === rows.length) target.take(rows);
      else rows.copyTo(target, start, end);
    }
    slot.session?.touch();
  }

  #partFor(node: Node, link: number): Part {
    for (const part of this.#parts) if (part.link === link && part.node === node) return part;
    return this.#takePart(node, link);
  }

  #takePart(node: Node, link: number): Part {
    const part = this.#pool.takePart();
    part.join = this;
    part.node = node;
    part.link = link;
    this.#parts.push(part);
    return part;
  }

  #writeHead(request: TextRequest): number {
    const head = this.#head;
    switch (request.command) {
      case Command.get:
        return head.write("get", 0, "latin1");
      case Command.gets:
        return head.write("gets", 0, "latin1");
      case Command.gat:
        return writeInt32(head, head.write("gat ", 0, "latin1"), request.exptime);
      default:
        return writeInt32(head, head.write("gats ", 0, "latin1"), request.exptime);
    }
  }
}

/** Joins and parts that are free. */
export class JoinPool {
  readonly #buffers: BufferPool;
  readonly #joins: Join[] = [];
  readonly #parts: Part[] = [];

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  take(): Join {
    return this.#joins.pop() ?? new Join(this);
  }

  give(join: Join): void {
    join.reset(this.#givePart);
    if (this.#joins.length < SPARE) this.#joins.push(join);
  }

  takePart(): Part {
    return this.#parts.pop() ?? new Part(this.#buffers);
  }

  readonly #givePart = (part: Part): void => {
    part.reset();
    if (this.#parts.length < 4 * SPARE) this.#parts.push(part);
  };
}

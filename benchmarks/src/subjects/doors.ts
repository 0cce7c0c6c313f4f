// Gets below the level of promises: ours through the pool's lower door, and the same done on a bare socket. Requests are
// written beforehand; what is measured is sending them, finding the end of each answer, and telling who asked.

import { connect, type Socket } from "node:net";
import { CacheError } from "@marugoto/core";
import { CircuitPolicy, Pool, type Sink } from "@marugoto/client";
import { Reply } from "@marugoto/protocol";
import { fill, keysOf } from "./cache-work.ts";
import type { CacheWork, Subject } from "./subject.ts";

/** All requests of a work behind each other: request i is `bytes[ends[i - 1], ends[i])`. */
interface Requests {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

function requestsOf(work: CacheWork): Requests {
  const lines = keysOf(work).map((key) => `mg ${key} v\r\n`);
  let end = 0;
  return { bytes: Buffer.from(lines.join(""), "latin1"), ends: lines.map((line) => (end += line.length)) };
}

/** Calls `send` for the next requests, and ends a step when each of them has been answered. */
class Steps {
  readonly #requests: Requests;
  readonly #concurrency: number;
  readonly #valueBytes: number;
  #next = 0;
  #open = 0;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly #executor = (resolve: () => void, reject: (error: Error) => void) => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  constructor(work: CacheWork) {
    this.#requests = requestsOf(work);
    this.#concurrency = work.concurrency;
    this.#valueBytes = work.valueBytes;
  }

  step(send: (bytes: Buffer, start: number, end: number) => void): Promise<void> {
    const promise = new Promise<void>(this.#executor);
    const { bytes, ends } = this.#requests;
    const concurrency = this.#concurrency;
    if (this.#next + concurrency > ends.length) this.#next = 0;
    this.#open = concurrency;
    for (let i = 0; i < concurrency; i++) {
      const at = this.#next++;
      send(bytes, at === 0 ? 0 : ends[at - 1]!, ends[at]!);
    }
    return promise;
  }

  /** One answer, with a value of so many bytes. */
  answered(valueBytes: number): void {
    if (valueBytes !== this.#valueBytes) this.failed(new CacheError("protocol_violation", "a get missed"));
    if (--this.#open === 0) this.#resolve();
  }

  failed(error: Error): void {
    this.#reject(error);
  }
}

/** Ours: `pool.send` with a sink. */
export async function openDoor(work: CacheWork): Promise<Subject> {
  await fill(work);
  const pool = new Pool({ servers: [`127.0.0.1:${work.port}`], protocol: "meta" }, new CircuitPolicy());
  const steps = new Steps(work);
  // Large values come in pieces, as to a proxy that hands them on.
  let pieces = 0;
  const sink: Sink = {
    onAnswer(response) {
      if (response.reply !== Reply.metaValue) steps.answered(-1);
      else steps.answered(response.valueStart < 0 ? pieces : response.valueEnd - response.valueStart);
    },
    onValueStart() {
      pieces = 0;
    },
    onValuePiece(_buffer, start, end) {
      pieces += end - start;
    },
    onFailure(error) {
      steps.failed(error);
    },
    onDeadline() {
      steps.failed(new CacheError("timeout", "no answer"));
      return Infinity;
    },
  };
  const send = (bytes: Buffer, start: number, end: number) => {
    pool.send(0, bytes, start, end, sink);
  };
  await steps.step(send);
  return { operationsPerStep: work.concurrency, step: () => steps.step(send), close: () => pool.close() };
}

type Answered = (valueBytes: number) => void;

const [CR, LF, ZERO] = [0x0d, 0x0a, 0x30];
const V = 0x56;

/** The bare socket: requests are copied into one buffer that leaves in one write a tick; answers are framed by hand. */
class RawSocket {
  readonly #socket: Socket;
  readonly #out = Buffer.allocUnsafeSlow(64 * 1024);
  #end = 0;
  /** Who asked, in order. */
  #waiting: Answered[] = [];
  #answered = 0;
  /** Bytes of the value that is on its way, its CRLF included, and its size. */
  #remaining = 0;
  #valueBytes = 0;
  /** What is there of a line that was cut off. */
  #line = Buffer.alloc(0);
  readonly #flush = () => {
    this.#socket.write(this.#out.subarray(0, this.#end));
    this.#end = 0;
    if (this.#socket.writableLength > 0) throw new TypeError("the kernel's buffer is full");
  };

  constructor(port: number, ready: () => void) {
    const buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer, length);
          return true;
        },
      },
    });
    this.#socket.once("connect", ready);
  }

  send(bytes: Buffer, start: number, end: number, answered: Answered): void {
    if (this.#end === 0) queueMicrotask(this.#flush);
    this.#end += bytes.copy(this.#out, this.#end, start, end);
    this.#waiting.push(answered);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(buffer: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#remaining > 0) {
        const piece = Math.min(this.#remaining, length - at);
        at += piece;
        this.#remaining -= piece;
        if (this.#remaining === 0) this.#answer(this.#valueBytes);
        continue;
      }
      let lf = at;
      while (lf < length && buffer[lf] !== LF) lf++;
      if (lf === length) {
        this.#line = Buffer.concat([this.#line, buffer.subarray(at, length)]);
        return;
      }
      if (this.#line.length > 0) {
        this.#onLine(Buffer.concat([this.#line, buffer.subarray(at, lf)]), 0);
        this.#line = Buffer.alloc(0);
      } else {
        this.#onLine(buffer, at);
      }
      at = lf + 1;
    }
    if (this.#answered === this.#waiting.length) {
      this.#answered = 0;
      this.#waiting = [];
    }
  }

  #onLine(line: Buffer, at: number): void {
    if (line[at] !== V) {
      this.#answer(-1);
      return;
    }
    // VA bytes
    let bytes = 0;
    for (let i = at + 3; line[i] !== CR; i++) bytes = bytes * 10 + line[i]! - ZERO;
    this.#valueBytes = bytes;
    this.#remaining = bytes + 2;
  }

  #answer(valueBytes: number): void {
    this.#waiting[this.#answered++]!(valueBytes);
  }
}

export async function openRawSocket(work: CacheWork): Promise<Subject> {
  await fill(work);
  let socket!: RawSocket;
  await new Promise<void>((resolve) => {
    socket = new RawSocket(work.port, resolve);
  });
  const steps = new Steps(work);
  const answered = (valueBytes: number) => {
    steps.answered(valueBytes);
  };
  const send = (bytes: Buffer, start: number, end: number) => {
    socket.send(bytes, start, end, answered);
  };
  await steps.step(send);
  return {
    operationsPerStep: work.concurrency,
    step: () => steps.step(send),
    close: () => {
      socket.end();
    },
  };
}

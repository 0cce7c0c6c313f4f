// One connection that writes many requests at once and waits until all are answered. In the bench's own process, over
// node:net; where CPU time of the server is not what is measured.

import { connect, type Socket } from "node:net";
import { CacheError } from "@marugoto/core";
import { AnswerReader } from "./answer-reader.ts";
import type { RequestBuffer } from "./request-buffer.ts";
import { SILENCE_MS } from "./transport.ts";

export class Pipe {
  /** What all exchanges together were answered. */
  readonly answers = new AnswerReader();
  private readonly socket: Socket;
  private settle: ((error?: Error) => void) | undefined;
  private broken: Error | undefined;

  private constructor(port: number, connected: (error?: Error) => void) {
    this.settle = connected;
    const finish = (error?: Error): void => {
      this.broken ??= error;
      const { settle } = this;
      this.settle = undefined;
      settle?.(error);
    };
    this.socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(256 * 1024),
        callback: (length, chunk) => {
          try {
            this.answers.read(chunk, length);
          } catch (error) {
            finish(error as Error);
            this.socket.destroy();
            return false;
          }
          if (this.answers.done) finish();
          return true;
        },
      },
    });
    this.socket.setTimeout(SILENCE_MS, () => {
      if (this.settle !== undefined) this.socket.destroy(new CacheError("timeout", `no answer for ${SILENCE_MS} ms`));
    });
    this.socket.on("connect", () => finish());
    this.socket.on("error", finish);
    this.socket.on("close", () => finish(new CacheError("connection_lost", "the server closed the connection")));
  }

  static open(port: number): Promise<Pipe> {
    return new Promise((resolve, reject) => {
      const pipe: Pipe = new Pipe(port, (error) => {
        if (error === undefined) resolve(pipe);
        else reject(error);
      });
    });
  }

  /** Writes all requests and waits for all answers. One exchange at a time; the buffer stays as it is until the end. */
  exchange(requests: RequestBuffer): Promise<void> {
    if (requests.count === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.broken !== undefined || this.settle !== undefined) {
        reject(this.broken ?? new TypeError("an exchange is under way"));
        return;
      }
      this.answers.expect(requests.kinds, requests.valueBytes, requests.hitsOf);
      this.settle = (error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
      this.socket.write(requests.bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Writes that are under way at once: one is put together while the server works on the other. */
const LANES = 2;

/**
 * Runs `use` in two lanes at once, each with a connection of its own to every port. What the lanes send is drawn from
 * one sequence, so the requests are the same in every run, but for the order of neighbouring writes.
 */
export async function inLanes(ports: readonly number[], use: (pipes: readonly Pipe[]) => Promise<void>): Promise<void> {
  const opened: Pipe[] = [];
  try {
    const lanes: Pipe[][] = [];
    for (let lane = 0; lane < LANES; lane++) {
      const pipes: Pipe[] = [];
      for (const port of ports) pipes.push(await Pipe.open(port));
      opened.push(...pipes);
      lanes.push(pipes);
    }
    await Promise.all(lanes.map(use));
  } finally {
    for (const pipe of opened) pipe.close();
  }
}

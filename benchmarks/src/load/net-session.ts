// The portable transport, where node:ffi is missing: the same load over node:net, at about half the speed. The tables
// say which one was used.

import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { CacheError } from "@marugoto/core";
import type { Conversation } from "./conversation.ts";
import type { LoadResult } from "./spec.ts";
import { SILENCE_MS, type LoadSession } from "./transport.ts";

interface Run {
  readonly deadline: number;
  busy: number;
  lastAnswer: number;
  readonly finish: (error?: Error) => void;
}

export class NetSession implements LoadSession {
  readonly transport = "net";
  private readonly conversation: Conversation;
  private readonly sockets: readonly Socket[];
  private current: Run | undefined;

  private constructor(conversation: Conversation, sockets: readonly Socket[]) {
    this.conversation = conversation;
    this.sockets = sockets;
    sockets.forEach((socket, connection) => {
      socket.on("data", (chunk) => {
        this.received(connection, chunk);
      });
      socket.on("error", (error) => this.current?.finish(error));
      socket.on("close", () =>
        this.current?.finish(new CacheError("connection_lost", "the server closed a connection")),
      );
    });
  }

  static async open(conversation: Conversation): Promise<NetSession> {
    const { connections, port } = conversation.spec;
    const sockets = Array.from({ length: connections }, () => connect({ host: "127.0.0.1", port, noDelay: true }));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    return new NetSession(conversation, sockets);
  }

  async run(seconds: number): Promise<LoadResult> {
    const { conversation } = this;
    conversation.begin();
    const started = performance.now();
    await new Promise<void>((resolve, reject) => {
      const watchdog = setInterval(() => {
        if (performance.now() - run.lastAnswer < SILENCE_MS) return;
        run.finish(new CacheError("timeout", `${run.busy} connections had no answer for ${SILENCE_MS} ms`));
      }, 1000);
      const run: Run = {
        deadline: started + seconds * 1000,
        busy: 0,
        lastAnswer: started,
        finish: (error) => {
          clearInterval(watchdog);
          this.current = undefined;
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.current = run;
      for (let connection = 0; connection < this.sockets.length && !conversation.exhausted; connection++) {
        this.send(connection, started);
        run.busy++;
      }
    });
    return conversation.result();
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private send(connection: number, now: number): void {
    // A copy, since the socket may keep the bytes and the conversation will overwrite them.
    this.sockets[connection]!.write(Buffer.from(this.conversation.next(connection, now)));
  }

  private received(connection: number, chunk: Buffer): void {
    const run = this.current;
    if (run === undefined) return;
    const now = performance.now();
    run.lastAnswer = now;
    try {
      if (!this.conversation.received(connection, chunk, chunk.length, now)) return;
    } catch (error) {
      run.finish(error as Error);
      return;
    }
    if (now < run.deadline && !this.conversation.exhausted) this.send(connection, now);
    else if (--run.busy === 0) run.finish();
  }
}

// A client without a socket: feeds a session and collects what it answers.

import type { Clock } from "@marugoto/core";
import {
  createServer,
  type Server,
  type ServerHooks,
  type ServerOptions,
  type Session,
  type Transport,
} from "../src/index.ts";

export class ManualClock implements Clock {
  seconds = 2;
  readonly startedAtUnix = 1_000_000_000;
}

/** Keeps what is written; `blocked` plays a client that doesn't read. */
export class MemoryTransport implements Transport {
  readonly remote = "memory:client";
  readonly local = "memory:server";
  readonly isRemote = true;
  waiting = 0;
  paused = false;
  ended = false;
  destroyed = false;
  blocked = false;
  writes = 0;
  session: Session | undefined;
  readonly #chunks: Buffer[] = [];
  #unsent: { bytes: Buffer; done?: () => void }[] = [];

  write(buffer: Buffer, start: number, end: number): boolean {
    this.writes++;
    return this.#put(buffer.subarray(start, end));
  }

  writePieces(pieces: readonly Buffer[], done: () => void): boolean {
    this.writes++;
    let taken = true;
    pieces.forEach((piece, i) => {
      taken = this.#put(piece, i === pieces.length - 1 ? done : undefined) && taken;
    });
    return taken;
  }

  #put(bytes: Buffer, done?: () => void): boolean {
    if (this.blocked) {
      // Not copied: the session must leave these bytes alone.
      this.#unsent.push(done ? { bytes, done } : { bytes });
      this.waiting += bytes.length;
      return false;
    }
    this.#chunks.push(Buffer.from(bytes));
    done?.();
    return true;
  }

  /** The client reads everything that waits. */
  drain(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const { bytes, done } of unsent) {
      this.#chunks.push(Buffer.from(bytes));
      done?.();
    }
    this.waiting = 0;
    this.session?.onDrain();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    if (!this.blocked) this.session?.onClosed(undefined);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    for (const { done } of this.#unsent) done?.();
    this.#unsent = [];
    this.session?.onClosed(undefined);
  }

  /** What the client has received so far; forgets it. */
  take(): string {
    const text = Buffer.concat(this.#chunks).toString("latin1");
    this.#chunks.length = 0;
    return text;
  }
}

export interface Harness {
  readonly server: Server;
  readonly clock: ManualClock;
  connect(): { session: Session; transport: MemoryTransport; send(text: string | Buffer): void };
  /** Sends on a connection of its own and gives back the answer. */
  ask(text: string): string;
}

export function harness(options: Partial<ServerOptions> = {}, hooks: ServerHooks = {}): Harness {
  const clock = new ManualClock();
  const server = createServer({ clock, hashSeed: 1, memoryBytes: 8 * 1024 * 1024, ...options }, hooks);
  const connect = () => {
    const transport = new MemoryTransport();
    const session = server.accept(transport) as Session;
    transport.session = session;
    return {
      session,
      transport,
      send(text: string | Buffer) {
        const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
        session.onBytes(bytes, 0, bytes.length);
      },
    };
  };
  return {
    server,
    clock,
    connect,
    ask(text) {
      const { transport, send, session } = connect();
      send(text);
      const answer = transport.take();
      session.destroy("server");
      return answer;
    },
  };
}

/** A transcript with every command and most flags, small enough to be split everywhere. */
export const transcript = [
  "set a 5 0 3\r\nabc\r\n",
  "add a 0 0 1\r\nx\r\n",
  "add b 0 0 2\r\n10\r\n",
  "replace a 6 0 4\r\nabcd\r\n",
  "replace none 0 0 1\r\nx\r\n",
  "append a 0 0 2\r\nef\r\n",
  "prepend a 0 0 2 noreply\r\n>>\r\n",
  "append none 0 0 1\r\nx\r\n",
  "get a\r\n",
  "gets a b none\r\n",
  "cas a 0 0 1 999999\r\nx\r\n",
  "cas none 0 0 1 1\r\nx\r\n",
  "incr b 5\r\n",
  "decr b 6 noreply\r\n",
  "decr b 1\r\n",
  "incr a 1\r\n",
  "incr none 1\r\n",
  "incr b x\r\n",
  "touch a 100\r\n",
  "touch none 1\r\n",
  "gat 200 a none\r\n",
  "gats 200 a\r\n",
  "get\r\n",
  "bogus\r\n",
  "set a 0 0 -1\r\n",
  "set bad 0 0 3\r\nabcd\r\n",
  "set k 0 0 1 noreply\r\n1\r\n",
  `get ${"k".repeat(251)}\r\n`,
  "delete k 0\r\n",
  "delete k noreply\r\n",
  "delete k 7\r\n",
  "mn\r\n",
  "ms m 3 c F7 T90 k Oq1 s\r\nabc\r\n",
  "ms m 2 MA s\r\nde\r\n",
  "ms m 2 MP q\r\n<>\r\n",
  "ms m 1 ME\r\nx\r\n",
  "ms none 1 MR k\r\nx\r\n",
  "ms m 1 C1 Oz\r\nx\r\n",
  "ms bm9uZQ== 2 b k\r\nhi\r\n",
  "mg bm9uZQ== b v k\r\n",
  "mg m v f t s h c k Oabc\r\n",
  "mg none v q\r\n",
  "mg none k O1\r\n",
  "mg new N30 v t\r\n",
  "mg new v t\r\n",
  "mg m T60 t\r\n",
  "md m I T30 k\r\n",
  "mg m v c\r\n",
  "mg m v\r\n",
  "md m x\r\n",
  "mg m v f t\r\n",
  "md m C1\r\n",
  "md m q\r\n",
  "md m O9\r\n",
  "ma n\r\n",
  "ma n N0 J13 v\r\n",
  "ma n D7 v t\r\n",
  "ma n MD D100 v k\r\n",
  "ma m2 q N0\r\n",
  "ma n zz\r\n",
  "me n\r\n",
  "me none\r\n",
  "verbosity 1\r\n",
  "stats detail on\r\n",
  "set p:1 0 0 1\r\n1\r\n",
  "get p:1\r\n",
  "stats detail dump\r\n",
  "stats detail off\r\n",
  "stats sizes\r\n",
  "stats cachedump 1 1\r\n",
  "stats nothing\r\n",
  "cache_memlimit 9\r\n",
  "slabs reassign 1 2\r\n",
  "lru mode flat\r\n",
  "lru_crawler enable\r\n",
  "watch fetchers\r\n",
  "debugtime 1\r\n",
  "shutdown\r\n",
  "version\r\n",
  "flush_all 100\r\n",
  "flush_all noreply\r\n",
  "get a b\r\n",
  "stats reset\r\n",
  "quit\r\n",
].join("");

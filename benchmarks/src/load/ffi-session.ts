// The fast transport: one blocking epoll loop over libc's own read and write, about as quick as a generator in C.
// While it runs, nothing else does in its process.

import { CacheError } from "@marugoto/core";
import type { Conversation } from "./conversation.ts";
import { EPOLLIN, EPOLLOUT, type Libc } from "./libc.ts";
import type { LoadResult } from "./spec.ts";
import { SILENCE_MS, type LoadSession } from "./transport.ts";

export class FfiSession implements LoadSession {
  readonly transport = "ffi";
  private readonly libc: Libc;
  private readonly conversation: Conversation;
  private readonly epoll: number;
  private readonly fds: readonly number[];
  /** What the kernel did not take yet, per connection. */
  private readonly unsent: (Buffer | undefined)[];
  private readonly input = Buffer.alloc(128 * 1024);

  constructor(libc: Libc, conversation: Conversation) {
    const { connections, port } = conversation.spec;
    this.libc = libc;
    this.conversation = conversation;
    this.epoll = libc.createEpoll();
    this.fds = Array.from({ length: connections }, () => libc.connect(port));
    this.fds.forEach((fd, connection) => {
      libc.watch(this.epoll, fd, connection, EPOLLIN);
    });
    this.unsent = this.fds.map(() => undefined);
  }

  run(seconds: number): Promise<LoadResult> {
    const { libc, conversation, input } = this;
    conversation.begin();
    const started = performance.now();
    const deadline = started + seconds * 1000;
    let busy = 0;
    for (let connection = 0; connection < this.fds.length && !conversation.exhausted; connection++) {
      this.send(connection, conversation.next(connection, started));
      busy++;
    }
    while (busy > 0) {
      const events = libc.wait(this.epoll, SILENCE_MS);
      if (events === 0) throw new CacheError("timeout", `${busy} connections had no answer for ${SILENCE_MS} ms`);
      const now = performance.now();
      for (let i = 0; i < events; i++) {
        const connection = libc.tagAt(i);
        if ((libc.eventsAt(i) & EPOLLOUT) !== 0) this.resume(connection);
        if ((libc.eventsAt(i) & ~EPOLLOUT) === 0) continue;
        const length = libc.read(this.fds[connection]!, input);
        if (length === 0) throw new CacheError("connection_lost", "the server closed a connection");
        if (length < 0 || !conversation.received(connection, input, length, now)) continue;
        if (now < deadline && !conversation.exhausted) this.send(connection, conversation.next(connection, now));
        else busy--;
      }
    }
    return Promise.resolve(conversation.result());
  }

  close(): void {
    for (const fd of [...this.fds, this.epoll]) this.libc.close(fd);
  }

  private send(connection: number, bytes: Buffer): void {
    const fd = this.fds[connection]!;
    const sent = this.libc.write(fd, bytes);
    if (sent === bytes.length) return;
    this.unsent[connection] = Buffer.from(bytes.subarray(sent));
    this.libc.watch(this.epoll, fd, connection, EPOLLIN | EPOLLOUT, true);
  }

  private resume(connection: number): void {
    const bytes = this.unsent[connection];
    if (bytes === undefined) return;
    const fd = this.fds[connection]!;
    const sent = this.libc.write(fd, bytes);
    if (sent < bytes.length) {
      this.unsent[connection] = bytes.subarray(sent);
    } else {
      this.unsent[connection] = undefined;
      this.libc.watch(this.epoll, fd, connection, EPOLLIN, true);
    }
  }
}

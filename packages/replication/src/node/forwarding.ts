// Requests on their way to the master and answers on their way back: our own clients', and in a chain those of others.

import { ANSWER_HEAD_BYTES, FORWARD_HEAD_BYTES, FORWARD_HOPS_AT, writeAnswer } from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/** Nodes of a chain that pass a request on; what goes round in a circle ends. */
const MAX_HOPS = 16;

export class Forwarding {
  readonly #node: ReplicationNode;
  #isDue = false;
  #unsent = 0;
  /** Who executed our forwarded requests last. */
  masterId = "";

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** A request of our own client that the master has to execute. */
  forward(request: Buffer): Promise<Buffer> {
    const { number, answer } = this.#node.forwards.add(request);
    // Until our upstream has answered `follow`, requests wait: in order, or its memory of them would have gaps.
    if (!this.#isDue && this.#node.following.isAttached) {
      this.#isDue = true;
      this.#unsent = number;
      this.#node.timers.defer(() => {
        if (this.#isDue) this.send(this.#unsent);
      });
    }
    return answer;
  }

  /** Says requests `from` and later to whom we follow. */
  send(from = 0): void {
    this.#isDue = false;
    if (this.#node.upstream === undefined || !this.#node.following.isAttached || this.#node.role !== "slave") return;
    for (const message of this.#node.forwards.messages(from)) this.#node.upstream.send(message);
  }

  onForward(peer: Peer, buffer: Buffer, at: number, end: number): void {
    const { downstream } = peer;
    if (downstream === undefined) return;
    if (this.#node.role !== "master") {
      // In a chain the request goes on towards the master. If nobody is there, its sender says it again later.
      if (this.#node.role !== "slave" || !this.#node.following.isAttached || buffer[at + FORWARD_HOPS_AT]! >= MAX_HOPS)
        return;
      const message = Buffer.from(buffer.subarray(at, end));
      message[FORWARD_HOPS_AT]!++;
      this.#node.upstream?.send(message);
      return;
    }
    const { content, log, rank, options, executor, time } = this.#node;
    const asked = {
      number: buffer.readUIntBE(at + 8, 6),
      floor: buffer.readUIntBE(at + 14, 6),
      id: Buffer.from(buffer.subarray(at + 20, at + 36)),
      request: Buffer.from(buffer.subarray(at + FORWARD_HEAD_BYTES, end)),
    };
    const { id, number } = asked;
    if (!this.#node.mayWrite()) {
      executor.refused(asked);
      downstream.post(writeAnswer(id, number, Buffer.from(`${this.#node.refusal}\r\n`, "latin1")));
      return;
    }
    const inline = options.syncReplicas <= 1;
    const circumstances = { inline, nowMs: this.#node.nowMs(), timeMs: time.effectMs(), rank };
    const answer = executor.execute(content, log, asked, circumstances);
    if (answer === undefined) return;
    const message = writeAnswer(id, number, answer);
    const wait = inline ? undefined : this.#node.protection.admit(this.#node.log.end, 1);
    if (wait === undefined) downstream.post(message);
    else void wait.then(() => peer.downstream?.post(message));
  }

  onAnswer(buffer: Buffer, at: number, end: number): void {
    const id = buffer.toString("hex", at + 14, at + 30);
    if (id === this.#node.nodeId) {
      this.#node.forwards.executed(buffer.readUIntBE(at + 8, 6), buffer.subarray(at + ANSWER_HEAD_BYTES, end));
      return;
    }
    // In a chain it is the answer to somebody below us; who doesn't know of it ignores it.
    const message = Buffer.from(buffer.subarray(at, end));
    for (const downstream of this.#node.downstreams) downstream.post(message);
  }
}

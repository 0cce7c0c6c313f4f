// One simulated node: the real ReplicationNode over virtual time, a virtual network and a map, and clients that send it
// requests as attach.ts would pass them on.

import { TypedEvents } from "@marugoto/core";
import type { Random } from "@marugoto/testing";
import type { Coordinator } from "../../src/coordinator/coordinator.ts";
import type { ReplicationEvents } from "../../src/events.ts";
import { resolveOptions, type ReplicationOptions } from "../../src/index.ts";
import { ReplicationNode } from "../../src/node/node.ts";
import { MapContent, type OnWrite } from "./map-content.ts";
import type { VirtualNetwork } from "./virtual-network.ts";
import { VirtualProcess } from "./virtual-time.ts";

/** A defect put in on purpose: the claims have to notice. */
export type Planted = "none" | "drop an effect" | "answer before streaming" | "draw without the last epoch";

export interface SimNodeParts {
  readonly name: string;
  readonly host: string;
  readonly peers: readonly string[];
  readonly network: VirtualNetwork;
  readonly random: Random;
  readonly options: Partial<ReplicationOptions>;
  readonly planted: Planted;
  readonly onPromoted: (node: SimNode, epoch: number) => void;
  readonly onWrite: (node: SimNode, ...write: Parameters<OnWrite>) => void;
  readonly coordinator?: (process: VirtualProcess) => Coordinator;
  readonly trace?: (line: string) => void;
}

/** An answer, and whether the promise of protection covered it. */
export type OnAnswer = (answer: string, isProtected: boolean) => void;

export class SimNode {
  readonly name: string;
  readonly host: string;
  readonly process: VirtualProcess;
  readonly content: MapContent;
  readonly node: ReplicationNode;
  serves = false;
  readonly #planted: Planted;

  constructor(parts: SimNodeParts) {
    const { host, network, random } = parts;
    this.name = parts.name;
    this.host = host;
    this.#planted = parts.planted;
    this.process = new VirtualProcess(network.time, random.between(-3_600_000, 3_600_000));
    this.content = new MapContent((...write) => {
      parts.onWrite(this, ...write);
    });
    if (parts.planted === "drop an effect") this.content.dropEvery = 5;
    const coordinator = parts.coordinator?.(this.process);
    const events = new TypedEvents<ReplicationEvents>();
    events.on("role", ({ to, epoch }) => {
      if (to === "master") parts.onPromoted(this, epoch);
    });
    const { trace } = parts;
    if (trace !== undefined) {
      for (const name of ["role", "linked", "unlinked", "copyEnded", "resumed", "merged", "error"] as const) {
        events.on(name, (event) => {
          const text = JSON.stringify(event, (_, value: unknown) => (value instanceof Error ? value.stack : value));
          trace(`${network.time.nowMs.toFixed(1)} ${this.name} ${this.node.nodeId.slice(0, 4)} ${name} ${text}`);
        });
      }
    }
    this.node = new ReplicationNode({
      options: resolveOptions({
        peers: parts.peers.map((peer) => ({ kind: "tcp", host: peer, port: 1 })),
        listen: { kind: "tcp", host, port: 1 },
        heartbeatMs: 100,
        peerTimeoutMs: 400,
        ...parts.options,
        ...(coordinator === undefined ? {} : { coordinator, onSplit: "consistent" }),
      }),
      content: this.content,
      network: network.for(this.process, host),
      timers: this.process,
      events,
      backlogBytes: parts.options.backlogBytes ?? 1024 * 1024,
      maxRequestBytes: 64 * 1024,
      randomBytes: (count) => random.bytes(count),
    });
    this.content.sink = () => this.node.sink();
    this.content.timeMs = () => this.node.effectTimeMs();
    this.content.rank = () => this.node.rank;
    this.content.onKey = (key) => {
      const { copyIn } = this.node;
      if (copyIn.isSweeping) copyIn.confirm(key, 0, key.length);
    };
    this.node.start().then(
      () => (this.serves = true),
      () => undefined,
    );
  }

  get usable(): boolean {
    return this.process.alive && this.serves;
  }

  /** A client's request arrives here; `onAnswer` is called if and when it is answered. */
  request(text: string, onAnswer: OnAnswer): void {
    this.process.run(() => {
      const { node, content } = this;
      const request = Buffer.from(text, "latin1");
      const before = node.protection.unprotected;
      const answered = (answer: Buffer) => {
        if (this.process.alive) onAnswer(answer.toString("latin1"), node.protection.unprotected === before);
      };
      if (node.role !== "master") {
        if (node.role === "candidate" && node.isConditional && !node.mayWrite()) return;
        void node.forward(request).then(answered);
        return;
      }
      if (!node.mayWrite()) return;
      const answer = Buffer.from(content.execute(request));
      if (this.#planted === "answer before streaming") {
        answered(answer);
        this.process.after(5, () => void node.beforeAnswers());
        return;
      }
      const wait = node.beforeAnswers();
      if (wait === undefined) answered(answer);
      else
        void wait.then(() => {
          answered(answer);
        });
    });
  }
}

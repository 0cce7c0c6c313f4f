// The way out of repcached without a cold cache: a slave of a real repcached until that one has gone, then a master that
// speaks our own protocol, with all it has copied. It doesn't go back.

import { CacheError, TypedEvents } from "@marugoto/core";
import type { Server, ServerHooks } from "@marugoto/server";
import { AttachedReplication } from "../attach.ts";
import type { ReplicationEvents, Role } from "../events.ts";
import { resolveOptions, type ReplicationOptions } from "../options.ts";
import type { Replication } from "../replication.ts";
import { createRepcachedReplication } from "./repcached-replication.ts";

/** Every event, so that those of both halves can be passed on. */
const eventNames: Readonly<Record<keyof ReplicationEvents, true>> = {
  listening: true,
  listenRefused: true,
  dialing: true,
  connected: true,
  self: true,
  refused: true,
  linked: true,
  unlinked: true,
  role: true,
  copyStarted: true,
  copyEnded: true,
  resumed: true,
  behind: true,
  inStep: true,
  merged: true,
  discarded: true,
  error: true,
};

export class LeavingReplication implements Replication {
  readonly options: ReplicationOptions;
  readonly events = new TypedEvents<ReplicationEvents>();
  readonly hooks: ServerHooks;
  /** What speaks at present. */
  #current: Replication;
  /** Clients wait while the one half ends and the other begins. */
  #changing: Promise<"run"> | undefined;
  #isClosed = false;

  /** @throws CacheError `invalid_option` */
  constructor(options: Partial<ReplicationOptions>) {
    this.options = resolveOptions(options);
    const { peers, backlogBytes, holdMs, peerTimeoutMs } = this.options;
    // No listener: nobody may attach to a slave, and the port is the other half's.
    this.#current = createRepcachedReplication({ peers, backlogBytes, holdMs, peerTimeoutMs });
    this.#passOn(this.#current);
    this.hooks = {
      onMutation: (mutation) => this.#current.hooks.onMutation?.(mutation),
      beforeExecute: (request, session) => {
        if (this.#changing !== undefined) return { later: this.#changing };
        return this.#current.hooks.beforeExecute?.(request, session) ?? "run";
      },
      beforeAnswers: () => this.#current.hooks.beforeAnswers?.(),
      addStats: (section, rows) => this.#current.hooks.addStats?.(section, rows) ?? false,
    };
  }

  get role(): Role {
    return this.#current.role;
  }

  /**
   * Copies from the repcached.
   *
   * @throws CacheError `connection_lost` when it does not answer: there is nothing to take over, and an empty cache that
   *   passes for a migrated one is what nobody wants
   */
  async start(server: Server): Promise<void> {
    this.#current.events.on("role", ({ from, to }) => {
      if (from === "slave" && to === "master") this.#changing = this.#change(server);
    });
    await this.#current.start(server);
    if (this.#current.role !== "slave") {
      await this.#current.close();
      throw new CacheError("connection_lost", "no repcached answers at the peer's port: there is nothing to take over");
    }
  }

  async handover(options?: { readonly withinMs?: number }): Promise<boolean> {
    await this.#changing;
    return this.#current.handover(options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#current.close();
  }

  async #change(server: Server): Promise<"run"> {
    await this.#current.close();
    const { options } = this;
    const next = new AttachedReplication({ ...options, leaveRepcached: false }, { hasContent: true });
    this.#passOn(next);
    this.#current = next;
    try {
      if (!this.#isClosed) await next.start(server);
    } catch (error) {
      this.events.emit("error", { what: "going on without repcached", error });
    }
    this.#changing = undefined;
    return "run";
  }

  #passOn(from: Replication): void {
    for (const name of Object.keys(eventNames) as (keyof ReplicationEvents)[]) {
      from.events.on(name, (event) => {
        this.events.emit(name, event);
      });
    }
  }
}

// One client loads a value that is missing, the others wait for it. The first to miss holds a ticket for the key until the
// key is written through this proxy, the holder goes, or its time is up; then those who wait are asked for again, and the
// first that misses holds the next. Works with any memcached: the server knows nothing of it.

import { Lines } from "@marugoto/protocol";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import type { Session } from "./session.ts";
import type { Slot } from "./slot.ts";

/** Tickets at a time; who misses when there are more, misses alone. */
const MAX_TICKETS = 100_000;

interface Ticket {
  readonly key: string;
  /** Who loads the value. */
  holder: Session | null;
  /** Oldest first. */
  readonly waiters: Set<Slot>;
  timer: NodeJS.Timeout | undefined;
}

export class Leases {
  readonly #pool: ProxyPool;
  readonly #resend: (slot: Slot) => void;
  readonly #tickets = new Map<string, Ticket>();

  /** @param resend asks the server once more */
  constructor(pool: ProxyPool, resend: (slot: Slot) => void) {
    this.#pool = pool;
    this.#resend = resend;
  }

  /** Lets a get wait when somebody loads its key. @returns false: nobody does */
  wait(slot: Slot): boolean {
    if (this.#tickets.size === 0) return false;
    const ticket = this.#tickets.get(slot.keyText());
    // Who is to load it must not wait for itself.
    if (ticket === undefined || ticket.holder === slot.session) return false;
    this.#join(ticket, slot);
    return true;
  }

  /** The server does not have the key of a get: its client loads it, or waits. */
  missed(slot: Slot): void {
    const key = slot.keyText();
    const ticket = this.#tickets.get(key);
    const { session } = slot;
    if (session === null || ticket?.holder === session) {
      miss(slot);
    } else if (ticket === undefined && this.#tickets.size >= MAX_TICKETS) {
      miss(slot);
    } else if (ticket === undefined) {
      const made: Ticket = { key, holder: null, waiters: new Set(), timer: undefined };
      this.#tickets.set(key, made);
      this.#hold(made, slot);
    } else if (performance.now() >= slot.leaseUntilMs) {
      miss(slot);
    } else {
      this.#join(ticket, slot);
    }
  }

  /** The key was written: who waits for it is answered from the server. */
  written(key: string): void {
    const ticket = this.#tickets.get(key);
    if (ticket === undefined) return;
    this.#remove(ticket);
    for (const slot of ticket.waiters) {
      clearTimeout(slot.leaseTimer);
      this.#resend(slot);
    }
  }

  /** A client that holds tickets has gone: others load in its place. */
  gone(session: Session): void {
    const held = session.tickets;
    session.tickets = null;
    if (held !== null) for (const key of held) this.#pass(key, session);
  }

  /** The pool is closed. */
  clear(): void {
    for (const ticket of this.#tickets.values()) {
      clearTimeout(ticket.timer);
      for (const slot of ticket.waiters) {
        clearTimeout(slot.leaseTimer);
        miss(slot);
      }
    }
    this.#tickets.clear();
  }

  /** The next of those who wait loads the value. */
  #pass(key: string, from: Session): void {
    const ticket = this.#tickets.get(key);
    if (ticket?.holder !== from) return;
    for (const slot of ticket.waiters) {
      ticket.waiters.delete(slot);
      clearTimeout(slot.leaseTimer);
      if (slot.session === null) {
        slot.land();
        continue;
      }
      this.#hold(ticket, slot);
      return;
    }
    this.#remove(ticket);
  }

  #hold(ticket: Ticket, slot: Slot): void {
    const session = slot.session!;
    ticket.holder = session;
    (session.tickets ??= new Set()).add(ticket.key);
    clearTimeout(ticket.timer);
    ticket.timer = setTimeout(() => {
      session.tickets?.delete(ticket.key);
      this.#pass(ticket.key, session);
    }, this.#pool.config.leases?.holdMs).unref();
    miss(slot);
  }

  #join(ticket: Ticket, slot: Slot): void {
    const nowMs = performance.now();
    if (slot.leaseUntilMs === Infinity) slot.leaseUntilMs = nowMs + (this.#pool.config.leases?.waitMs ?? 0);
    ticket.waiters.add(slot);
    slot.leaseTimer = setTimeout(() => {
      ticket.waiters.delete(slot);
      miss(slot);
    }, slot.leaseUntilMs - nowMs).unref();
  }

  #remove(ticket: Ticket): void {
    clearTimeout(ticket.timer);
    ticket.holder?.tickets?.delete(ticket.key);
    this.#tickets.delete(ticket.key);
  }
}

function miss(slot: Slot): void {
  slot.give(Lines.end, 0, Lines.end.length);
  slot.land();
}

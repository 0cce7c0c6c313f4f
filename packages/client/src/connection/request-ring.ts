// The requests of one connection that wait for their answers, in the order they were written: sinks, deadlines and what
// to expect, in parallel arrays that grow and are used again. A ticket is a request's number on this connection.

import { DRAIN, type Sink } from "./sink.ts";

/** A queue of requests with O(1) access by ticket. */
export class RequestRing {
  /** Ticket of the oldest request. */
  head: number;
  /** Ticket that the next request gets. */
  tail: number;
  /** No deadline in here is earlier; Infinity when there is none. May be too early, never too late. */
  nextDeadlineMs = Infinity;
  /** One more than the latest ticket that has become overdue. */
  overdueBelow = 0;
  #mask = 15;
  #sinks: Sink[] = new Array<Sink>(16).fill(DRAIN);
  #deadlines = new Float64Array(16);
  #expects = new Uint8Array(16);

  /** @param firstTicket where tickets begin: beyond those of the connection before, so that none of them is met again */
  constructor(firstTicket = 0) {
    this.head = this.tail = firstTicket;
  }

  get length(): number {
    return this.tail - this.head;
  }

  /** @returns its ticket */
  push(sink: Sink, deadlineMs: number, expect: number): number {
    if (this.tail - this.head > this.#mask) this.#grow();
    const at = this.tail & this.#mask;
    this.#sinks[at] = sink;
    this.#deadlines[at] = deadlineMs;
    this.#expects[at] = expect;
    if (deadlineMs < this.nextDeadlineMs) this.nextDeadlineMs = deadlineMs;
    return this.tail++;
  }

  /** The sink of the oldest request. Only while `length` > 0. */
  get first(): Sink {
    return this.#sinks[this.head & this.#mask]!;
  }

  get firstExpect(): number {
    return this.#expects[this.head & this.#mask]!;
  }

  /** Removes the oldest request. */
  shift(): void {
    this.#sinks[this.head & this.#mask] = DRAIN;
    this.head++;
  }

  /** Lets a request's answers be dropped. Nothing happens when it has been answered already. */
  detach(ticket: number): void {
    if (ticket < this.head || ticket >= this.tail) return;
    const at = ticket & this.#mask;
    this.#sinks[at] = DRAIN;
    this.#deadlines[at] = Infinity;
  }

  /** Asks for an earlier call of `onDeadline`: more has joined the request. */
  bringForward(ticket: number, deadlineMs: number): void {
    const at = ticket & this.#mask;
    if (deadlineMs < this.#deadlines[at]!) this.#deadlines[at] = deadlineMs;
    if (deadlineMs < this.nextDeadlineMs) this.nextDeadlineMs = deadlineMs;
  }

  /**
   * Calls `onDeadline` of every request whose time has come.
   *
   * @returns how many were called
   */
  expire(nowMs: number): number {
    let next = Infinity;
    let expired = 0;
    // A sink may push from within; what it adds is looked at by push itself.
    const tail = this.tail;
    this.nextDeadlineMs = Infinity;
    for (let ticket = this.head; ticket < tail; ticket++) {
      let at = ticket & this.#mask;
      let deadline = this.#deadlines[at]!;
      if (deadline <= nowMs) {
        expired++;
        if (ticket >= this.overdueBelow) this.overdueBelow = ticket + 1;
        deadline = this.#sinks[at]!.onDeadline(nowMs);
        at = ticket & this.#mask;
        this.#deadlines[at] = deadline;
        if (deadline === Infinity) this.#sinks[at] = DRAIN;
      }
      if (deadline < next) next = deadline;
    }
    if (next < this.nextDeadlineMs) this.nextDeadlineMs = next;
    return expired;
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const sinks = new Array<Sink>(size).fill(DRAIN);
    const deadlines = new Float64Array(size);
    const expects = new Uint8Array(size);
    for (let ticket = this.head; ticket < this.tail; ticket++) {
      const from = ticket & this.#mask;
      const to = ticket & (size - 1);
      sinks[to] = this.#sinks[from]!;
      deadlines[to] = this.#deadlines[from]!;
      expects[to] = this.#expects[from]!;
    }
    this.#sinks = sinks;
    this.#deadlines = deadlines;
    this.#expects = expects;
    this.#mask = size - 1;
  }
}

// What one proxy knows and does about one server's keys being elsewhere.
//
// Whichever proxy has lost the server opens a ledger (ledger.ts), declares it (notices.ts), and lets GRACE_MS pass; then it
// writes elsewhere, and notes each key before its client has the answer. A proxy that has heard of a ledger looks there
// before every request for a key of that server, and goes where it says: so of all places that have had the key, only the
// one of the last write that was answered is ever used. A request that was under way to another place meanwhile overlaps
// with the write that moved the key, and comes before it.
//
// When the server is back, the ledger is closed: nothing is noted any more, the noted keys are deleted on the server, and
// the head says "closed". Who has still lost it objects, and the ledger stays open. Nobody has to outlive its ledger: when
// the declarations lapse, whoever uses the server closes it.

import { setTimeout as sleep } from "node:timers/promises";
import { CacheError, isCacheError } from "@marugoto/core";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { Ledger, type LedgerEntry, type LedgerHead } from "./ledger.ts";
import { type Declaration, GRACE_MS, type Notices } from "./notices.ts";
import { isUsable, type Place, placeOf, placesOf } from "./place.ts";
import { Strays } from "./strays.ts";
import { deleteAt, deleteNow } from "./sweep.ts";
import { ledgerSource } from "./warm-source.ts";

/** Between two looks at the head of a ledger that is followed, and between two tries at what has failed, in ms. */
const LOOK_MS = 100;

/** Between two declarations of a ledger, in ms. */
const DECLARE_MS = 1000;

/** A ledger without its server, or without anybody who declares it, is given up after this, in ms. */
const ORPHAN_MS = 2000;

/** Time for whoever has closed a ledger to remove what it has left behind, in ms. */
export const TIDY_MS = 10_000;

/** Longest wait for writes that were on their way to the server when their key was written elsewhere, in ms. */
const MAX_SETTLE_MS = 5000;

/** Ledgers that are remembered to hold no more: longer than their declarations last. */
const MAX_DEAD = 64;

/** Keys that are deleted or noted at a time. */
const BATCH_KEYS = 256;

/** How a ledger is closed. */
export interface Closing {
  /** What is noted has to be deleted on the server. */
  readonly sweep: boolean;
  /** More was written elsewhere than is noted: the server is not to be read. */
  readonly isFull: boolean;
  /** What was written elsewhere is the last that anybody wrote: it may be fetched from there. */
  readonly isWarm: boolean;
}

export class Absence {
  readonly node: Node;
  /** The ledger that says where keys are; undefined: they are all at their server. */
  ledger: Ledger | undefined;
  /** Keys that this proxy has noted, with the labels of their places. */
  readonly noted = new Map<string, string>();
  /** What this proxy may have written to other servers of the pool; tidied up at the end. */
  readonly #strays = new Strays();
  /** What others have written to other servers of the pool is tidied up by then, by `performance.now()`. */
  #untidyUntilMs = 0;
  readonly #pool: ProxyPool;
  readonly #notices: Notices;
  /** Since when the ledger is followed, by `performance.now()`. */
  #followedAtMs = 0;
  /** It was declared, and everybody must have heard of it. */
  #isReady = false;
  #opening: Promise<Ledger> | undefined;
  /** This proxy has the server back, and brings its keys home. */
  isClosing = false;
  /** The ledger that has these notes. */
  #notedIn: string | undefined;
  /** Ledgers that hold no more, although they may still be declared. */
  readonly #dead = new Set<string>();
  #lookedAtMs = 0;
  #declaredAtMs = 0;
  #aliveAtMs = 0;

  constructor(pool: ProxyPool, node: Node, notices: Notices) {
    this.#pool = pool;
    this.node = node;
    this.#notices = notices;
  }

  // ---- what requests ask ----

  /**
   * Where the key is, as the ledger says; undefined: there is no ledger, or none any more.
   *
   * @throws CacheError when that cannot be told
   */
  async look(key: string, deadlineMs: number): Promise<LedgerEntry | undefined> {
    for (;;) {
      const { ledger } = this;
      if (ledger === undefined) return undefined;
      const entry = await ledger.look(key, deadlineMs);
      if (entry.state === "open" || entry.state === "closing") return entry;
      if (entry.state === "closed") this.#closed(ledger, entry);
      else if (entry.state === "opening") throw new CacheError("no_server", "the ledger does not have all notes yet");
      else if (!this.#gone(ledger)) throw new CacheError("no_server", `${ledger.host.node.name} has lost the ledger`);
    }
  }

  /** A place for a key of the server; undefined: there is none. */
  placeFor(key: string): Place | undefined {
    const { gutter } = this.#pool;
    const isGutter = this.#pool.config.failover.mode === "gutter";
    const node = isGutter ? gutter?.pool.liveOwner(key) : this.#pool.liveOwner(key);
    if (node === undefined || node === this.node) return undefined;
    return placesOf(this.#pool).find((place) => place.node === node);
  }

  /** Whether a server of the pool may have an old value under a key that is not noted. */
  isUntidy(key: string): boolean {
    return this.#strays.mayHave(key) || performance.now() < this.#untidyUntilMs;
  }

  /** A key is about to be written to `place`. */
  leavesAt(key: string, { isGutter, label }: Place): void {
    if (!isGutter) this.#strays.add(key, label, this.node.fence.limit);
  }

  /**
   * The ledger, when it is open and everybody looks there.
   *
   * @throws CacheError when it cannot be opened, or not in time
   */
  async ready(deadlineMs: number): Promise<Ledger> {
    if (this.#isReady && this.ledger !== undefined) return this.ledger;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    const opening = this.#opening;
    // Somebody else's deadline may be later.
    opening.catch(() => undefined);
    const late = new AbortController();
    const tooLate = sleep(Math.max(0, Math.min(deadlineMs - performance.now(), 2 ** 31 - 1)), undefined, {
      signal: late.signal,
    }).then(() => {
      throw new CacheError("timeout", `${this.node.name}: its keys cannot be written elsewhere yet`);
    });
    tooLate.catch(() => undefined);
    try {
      return await Promise.race([opening, tooLate]);
    } finally {
      late.abort();
    }
  }

  /**
   * Notes that a key is at `place`, and does not return before that holds.
   *
   * @returns false when the ledger is no longer open: what was done at `place` is not seen by anybody
   * @throws CacheError when that cannot be told
   */
  async note(ledger: Ledger, key: string, place: Place, deadlineMs: number): Promise<boolean> {
    if (this.#isLimited(key)) return this.#overflow(ledger, deadlineMs);
    // It may come to hold even if nobody says so.
    this.noted.set(key, place.label);
    this.#notedIn = ledger.epoch;
    while (performance.now() < deadlineMs) {
      const head = await ledger.note(key, place, deadlineMs);
      switch (head.state) {
        case "open":
          return true;
        case "opening":
        case "closing":
          // Who closes it has not seen this note: it is to begin again.
          await ledger.setHead(head, "open", deadlineMs);
          break;
        case "closed":
          this.#closed(ledger, head);
          return false;
        case "lost":
          this.#gone(ledger);
          return false;
      }
    }
    return false;
  }

  /** Notes that a key is at its server again, where it has just been written. @throws CacheError when that cannot be told */
  async noteHome(ledger: Ledger, key: string, deadlineMs: number): Promise<void> {
    await ledger.noteHome(key, deadlineMs);
    this.noted.delete(key);
  }

  /** What was noted in a ledger that is gone: this proxy alone knows that the server has something old under these keys. */
  fenceNoted(): void {
    for (const key of this.noted.keys()) this.#pool.fence(this.node, key);
    this.noted.clear();
  }

  /** The pool writes nothing elsewhere any more. */
  abandon(): void {
    this.fenceNoted();
    if (this.ledger !== undefined) this.#drop(this.ledger);
  }

  #isLimited(key: string): boolean {
    return this.noted.size >= this.node.fence.limit && !this.noted.has(key);
  }

  async #overflow(ledger: Ledger, deadlineMs: number): Promise<boolean> {
    if (!(await ledger.setFull(deadlineMs))) return false;
    const { fence } = this.node;
    if (this.#pool.config.rejoin.policy === "fence" && !fence.isFull) {
      fence.fill();
      this.#pool.core.events.emit("fenceFull", {
        pool: this.#pool.config.name,
        server: this.node.name,
        keys: fence.limit,
      });
    }
    return true;
  }

  // ---- opening ----

  async #open(): Promise<Ledger> {
    const { ledger } = this;
    if (ledger !== undefined && isUsable(ledger.host)) {
      await sleep(Math.max(0, this.#followedAtMs + GRACE_MS - performance.now()));
      return this.#noteAgain(ledger);
    }
    if (ledger !== undefined) this.#isOver(ledger);
    const host = this.#chooseHost();
    if (host === undefined) throw new CacheError("no_server", `no server for the ledger of ${this.node.name}`);
    const declared = this.#notices.declared(this.node).map(({ epoch }) => epoch);
    const made = new Ledger(Ledger.newEpoch([...this.#dead, ...declared].sort().at(-1)), host);
    // In place of one that is gone, it has to be filled first.
    const state = this.noted.size > 0 || declared.length > 0 ? "opening" : "open";
    if (!(await made.create(state, this.#pool.deadlineMs()))) {
      throw new CacheError("server_error", `${host.node.name} takes no ledger`);
    }
    this.#use(made);
    const other = await this.#declare(made);
    if (other !== undefined) {
      await made.remove(this.#pool.deadlineMs());
      if (!this.#follow(other)) throw new CacheError("no_server", `no place ${other.host} for a ledger`);
      return this.#open();
    }
    this.#declaredAtMs = performance.now();
    await sleep(GRACE_MS);
    const ready = await this.#noteAgain(made);
    if (ready === made) this.#emit("ledgerOpened", { epoch: made.epoch, host: made.host.label });
    return ready;
  }

  /** @throws CacheError when nobody has heard of it: then it is none */
  async #declare(made: Ledger): Promise<Declaration | undefined> {
    try {
      return await this.#notices.declare(this.node, made, (each) => this.#isAlive(each));
    } catch (error) {
      this.#isOver(made);
      if (this.ledger === made) this.ledger = undefined;
      throw error;
    }
  }

  /**
   * Keys that were noted in a ledger that is gone: those on the server are old, and others may have moved them since.
   *
   * @returns the ledger that is ready now: another, when this one has gone meanwhile
   */
  async #noteAgain(ledger: Ledger): Promise<Ledger> {
    await this.#fill(ledger);
    if (this.ledger !== ledger) return this.#open();
    this.#isReady = true;
    return ledger;
  }

  async #fill(ledger: Ledger): Promise<void> {
    if (this.#notedIn !== ledger.epoch && this.noted.size > 0) {
      const notes = [...this.noted.keys()];
      for (let at = 0; at < notes.length; at += BATCH_KEYS) {
        const deadlineMs = this.#pool.deadlineMs();
        await Promise.all(notes.slice(at, at + BATCH_KEYS).map((key) => ledger.noteLost(key, deadlineMs)));
      }
      this.#notedIn = ledger.epoch;
    }
    const head = await ledger.head(this.#pool.deadlineMs());
    if (head.state === "opening") {
      // Time for others who had noted keys in the one that is gone.
      await sleep(GRACE_MS);
      await ledger.setHead(head, "open", this.#pool.deadlineMs());
    }
  }

  /** The same for all proxies that reach the same servers. */
  #chooseHost(): Place | undefined {
    const places = placesOf(this.#pool).filter(({ node }) => node.inUse && node !== this.node);
    return (
      places.find(({ isGutter }) => isGutter) ?? places.find(({ node }) => node.index > this.node.index) ?? places[0]
    );
  }

  async #isAlive({ epoch, host }: Declaration): Promise<boolean> {
    if (this.#dead.has(epoch)) return false;
    const place = placeOf(this.#pool, host);
    if (place === undefined) return true;
    if (!isUsable(place)) return false;
    try {
      const { state } = await new Ledger(epoch, place).head(this.#pool.deadlineMs());
      return state !== "closed" && state !== "lost";
    } catch (error) {
      if (!isCacheError(error)) throw error;
      return false;
    }
  }

  // ---- following ----

  /** The servers have told what is declared. */
  heard(): void {
    const declared = this.#notices.declared(this.node).filter(({ epoch }) => !this.#dead.has(epoch));
    const { ledger } = this;
    if (ledger !== undefined && declared.some(({ epoch }) => epoch === ledger.epoch))
      this.#aliveAtMs = performance.now();
    const newest = declared.at(-1);
    if (newest !== undefined && (ledger === undefined || newest.epoch > ledger.epoch)) this.#follow(newest);
  }

  #follow({ epoch, host, signature }: Declaration): boolean {
    const place = placeOf(this.#pool, host);
    if (signature !== this.#notices.signature) {
      this.#emit("ledgerDiffers", { epoch, host });
    }
    if (place === undefined) return false;
    if (this.ledger !== undefined) this.#isOver(this.ledger);
    this.#use(new Ledger(epoch, place));
    this.#emit("ledgerFollowed", { epoch, host });
    return true;
  }

  #use(ledger: Ledger): void {
    this.ledger = ledger;
    this.#followedAtMs = this.#aliveAtMs = performance.now();
    this.#isReady = false;
    this.node.hasLedger = true;
    this.node.warm = null;
    this.node.refresh();
  }

  #isOver(ledger: Ledger): void {
    this.#dead.add(ledger.epoch);
    const [oldest] = this.#dead;
    if (this.#dead.size > MAX_DEAD && oldest !== undefined) this.#dead.delete(oldest);
  }

  #drop(ledger: Ledger): void {
    this.#isOver(ledger);
    if (this.ledger !== ledger) return;
    if (this.node.inUse) this.fenceNoted();
    const { warmMs } = this.#pool.config.rejoin;
    this.#untidyUntilMs = performance.now() + warmMs + TIDY_MS;
    void this.#tidyUp(warmMs);
    this.ledger = undefined;
    this.#isReady = false;
    this.node.hasLedger = false;
    this.node.refresh();
  }

  /** Removes what this proxy has left on other servers, when nobody looks for it there any more. */
  async #tidyUp(afterMs: number): Promise<void> {
    await sleep(afterMs, undefined, { ref: false });
    for (const batch of this.#strays.take(BATCH_KEYS, (key) => this.noted.has(key))) {
      const held = batch.map(([key, label]) => [key, placeOf(this.#pool, label)] as const);
      const known = held.filter(([, place]) => place !== undefined);
      // Those that are not deleted now are fenced there.
      await Promise.all(known.map(([key, place]) => deleteAt(this.#pool, place!.node, key)));
      if (this.#pool.isClosed) return;
    }
  }

  /** Its keys are at their server again. */
  #closed(ledger: Ledger, head: LedgerHead): void {
    if (this.ledger !== ledger) return;
    const { node } = this;
    const keys = this.noted.size;
    this.noted.clear();
    this.#drop(ledger);
    this.#pool.core.events.emit("ledgerClosed", {
      pool: this.#pool.config.name,
      server: node.name,
      epoch: ledger.epoch,
      keys,
      isWarm: head.isWarm,
    });
    if (!node.inUse) return;
    // Who closes it knows what the server has shown; somebody may have flushed it since.
    if (head.isFull && !node.isUnread && !this.isClosing) this.#pool.unread(node);
    if (head.isWarm) this.#pool.warmUp(node, ledgerSource(this.#pool, ledger));
  }

  /** Its server has it no more. @returns whether there is another to follow */
  #gone(ledger: Ledger): boolean {
    if (this.ledger !== ledger) return true;
    const next = this.#notices.declared(this.node).find(({ epoch }) => epoch > ledger.epoch && !this.#dead.has(epoch));
    if (next !== undefined) return this.#follow(next);
    this.#isReady = false;
    if (!this.node.inUse) {
      // What it knew is noted again in another.
      this.#isOver(ledger);
      this.ledger = undefined;
      return true;
    }
    // Who has lost the server opens another at once, if there is anybody.
    if (performance.now() - this.#aliveAtMs < ORPHAN_MS) return false;
    this.#drop(ledger);
    return true;
  }

  // ---- closing ----

  /**
   * The server is used again: its keys are brought home. Others have GRACE_MS to object.
   *
   * @returns whether this has closed it; false: another proxy has not got the server back, or this one has lost it again
   * @throws CacheError when a server does not answer
   */
  async close({ sweep, isFull, isWarm }: Closing): Promise<boolean> {
    const { ledger, node } = this;
    if (ledger === undefined || this.isClosing) return false;
    this.isClosing = true;
    const { outSinceMs } = node;
    try {
      const deadline = () => this.#pool.deadlineMs();
      await this.#fill(ledger);
      let head = await ledger.head(deadline());
      if (head.state === "open") {
        await ledger.setHead(head, "closing", deadline());
        head = await ledger.head(deadline());
      }
      if (head.state === "closing") {
        const { requestMs } = this.#pool.config.timeouts;
        // Who wrote to the server when the key had just been moved has its answer by then, or never.
        const settleMs = !isWarm ? Math.min(requestMs, MAX_SETTLE_MS) : 0;
        await sleep(GRACE_MS + settleMs);
        if (!node.inUse || node.outSinceMs !== outSinceMs) return false;
        if (sweep) await this.#sweep(ledger, node, deadline);
        // Fails when its head was changed since: somebody objects.
        const before = { ...head, isFull: head.isFull && isFull };
        const isOurs = await ledger.setHead(before, "closed", deadline(), isWarm);
        head = await ledger.head(deadline());
        if (head.state === "closed") this.#closed(ledger, head);
        return isOurs;
      }
      if (head.state === "closed") this.#closed(ledger, head);
      if (head.state === "lost") this.#gone(ledger);
      return false;
    } finally {
      this.isClosing = false;
    }
  }

  async #sweep(ledger: Ledger, node: Node, deadline: () => number): Promise<void> {
    const remove = async (keys: readonly string[]) => {
      for (let at = 0; at < keys.length; at += BATCH_KEYS) {
        const batch = keys.slice(at, at + BATCH_KEYS);
        await Promise.all(batch.map((key) => deleteNow(this.#pool, node, key, deadline())));
      }
    };
    for await (const notes of ledger.notes(deadline)) await remove([...notes.keys()]);
  }

  // ---- time ----

  tick(): void {
    const { ledger, node } = this;
    if (ledger === undefined || this.#pool.isClosed) return;
    const nowMs = performance.now();
    if (!node.inUse && this.#isReady && nowMs - this.#declaredAtMs > DECLARE_MS) {
      this.#declaredAtMs = nowMs;
      void this.#inBackground(() => this.#declareAgain(ledger));
    }
    if (nowMs - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    void this.#inBackground(() => this.#lookAfter(ledger));
  }

  async #declareAgain(ledger: Ledger): Promise<void> {
    const other = await this.#notices.declare(this.node, ledger, (each) => this.#isAlive(each));
    if (other !== undefined && other.epoch > ledger.epoch && this.ledger === ledger) this.#follow(other);
  }

  async #lookAfter(ledger: Ledger): Promise<void> {
    const head = await ledger.head(this.#pool.deadlineMs());
    const { node } = this;
    if (this.ledger !== ledger) return;
    switch (head.state) {
      case "closed":
        this.#closed(ledger, head);
        return;
      case "lost":
        this.#gone(ledger);
        return;
      case "closing":
        if (!node.inUse) await ledger.setHead(head, "open", this.#pool.deadlineMs());
        break;
      case "open":
      case "opening":
        break;
    }
    // Nobody declares it: who has opened it is gone.
    const isOrphan = node.inUse && performance.now() - this.#aliveAtMs > ORPHAN_MS;
    if (isOrphan) await this.close({ sweep: true, isFull: head.isFull, isWarm: false });
  }

  async #inBackground(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isCacheError(error)) {
        this.#pool.core.events.emit("error", { what: `${this.node.name}: its ledger`, error });
        return;
      }
      const { ledger, node } = this;
      // The server of the ledger is gone for this proxy; another will stand in, or the ledger is given up.
      if (ledger !== undefined && !isUsable(ledger.host)) {
        if (!node.inUse) this.#gone(ledger);
        else if (performance.now() - this.#aliveAtMs > ORPHAN_MS) this.#drop(ledger);
      }
    }
  }

  #emit(event: "ledgerOpened" | "ledgerFollowed" | "ledgerDiffers", ledger: { epoch: string; host: string }): void {
    const { core, config } = this.#pool;
    core.events.emit(event, { pool: config.name, server: this.node.name, epoch: ledger.epoch, host: ledger.host });
  }
}

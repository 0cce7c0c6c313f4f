// Clients that write and read the same keys through several proxies at the same time, and know what a read may give: every
// value names how often its key had been written, and a read that begins after a write was acknowledged must not give less.

import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, seededRandom, type Random, type TestConnection } from "@marugoto/testing";
import { client, get, set } from "./bench.ts";

/** What reads through one proxy have given. */
export interface Reads {
  reads: number;
  /** A value of a key that was not deleted, or nothing of one that was. */
  right: number;
  /** Nothing of a key that had been set, and was not being written. */
  misses: number;
  errors: number;
}

interface KeyState {
  /** How often it was written, acknowledged or not. */
  written: number;
  /** The last of these that was acknowledged. */
  acked: number;
  /** That was a delete. */
  isDeleted: boolean;
  /** Somebody writes it now, or has heard an error when he did: it may be there or not. */
  isUnsure: boolean;
  isBusy: boolean;
}

const newReads = (): Reads => ({ reads: 0, right: 0, misses: 0, errors: 0 });

export class History {
  readonly keys: readonly string[];
  /** What was read that was older than what had been acknowledged, in words. */
  readonly stale: string[] = [];
  /** By proxy. */
  reads: Reads[];
  /** Acknowledged writes, by proxy. */
  readonly writes: number[];
  readonly #states: KeyState[];
  readonly #ports: readonly number[];
  readonly #random: Random;
  #isOver = false;

  constructor(ports: readonly number[], keys: number, seed: number) {
    this.#ports = ports;
    this.#random = seededRandom(seed);
    this.keys = Array.from({ length: keys }, (_, i) => `${i * 7919}-key`);
    this.#states = this.keys.map(() => ({ written: 0, acked: 0, isDeleted: true, isUnsure: false, isBusy: false }));
    this.reads = ports.map(newReads);
    this.writes = ports.map(() => 0);
  }

  /** Sets all keys. */
  async fill(opened: Cleanup): Promise<void> {
    const asked = await client(opened, this.#ports[0]!);
    for (let k = 0; k < this.keys.length; k++) await this.#write(asked, 0, k, false);
  }

  /** Starts clients of each proxy. @returns what ends them */
  async start(opened: Cleanup, readers: number, writers: number): Promise<() => Promise<void>> {
    const working: Promise<void>[] = [];
    for (const [proxy, port] of this.#ports.entries()) {
      for (let i = 0; i < readers; i++) working.push(this.#readOn(await client(opened, port), proxy));
      for (let i = 0; i < writers; i++) working.push(this.#writeOn(await client(opened, port), proxy));
    }
    return async () => {
      this.#isOver = true;
      await Promise.all(working);
    };
  }

  /** What was read since the last time, by proxy. */
  take(): Reads[] {
    const taken = this.reads;
    this.reads = this.#ports.map(newReads);
    return taken;
  }

  /** Reads every key once through one proxy. */
  async readAll(asked: TestConnection, proxy: number): Promise<void> {
    for (let k = 0; k < this.keys.length; k++) await this.#read(asked, proxy, k);
  }

  async #readOn(asked: TestConnection, proxy: number): Promise<void> {
    while (!this.#isOver) await this.#read(asked, proxy, this.#random.int(this.keys.length));
  }

  async #writeOn(asked: TestConnection, proxy: number): Promise<void> {
    while (!this.#isOver) {
      await this.#write(asked, proxy, this.#random.int(this.keys.length), this.#random.int(5) === 0);
      await sleep(1);
    }
  }

  async #read(asked: TestConnection, proxy: number, k: number): Promise<void> {
    const state = this.#states[k]!;
    const { acked, isDeleted, written } = state;
    const isSure = !state.isUnsure && !state.isBusy;
    const value = await get(asked, this.keys[k]!);
    const reads = this.reads[proxy]!;
    reads.reads++;
    if (value?.startsWith("SERVER_ERROR") === true) {
      reads.errors++;
      return;
    }
    const version = value === undefined ? undefined : Number(value.split("/")[1]);
    // Of a key that is being written, or was since, anything newer may be there, or nothing.
    const wasQuiet = isSure && state.written === written && state.acked === acked;
    if (version === undefined) {
      if (isDeleted) reads.right++;
      else if (wasQuiet) reads.misses++;
      return;
    }
    if (version < acked || (version === acked && isDeleted)) {
      this.stale.push(
        `proxy ${proxy}, ${this.keys[k]!}: version ${version}, acknowledged ${acked}${isDeleted ? " (a delete)" : ""}`,
      );
      return;
    }
    reads.right++;
  }

  async #write(asked: TestConnection, proxy: number, k: number, isDelete: boolean): Promise<void> {
    const state = this.#states[k]!;
    if (state.isBusy) return;
    state.isBusy = true;
    const key = this.keys[k]!;
    const version = ++state.written;
    const answer = isDelete ? await asked.ask(`delete ${key}`) : await set(asked, key, `${key}/${version}`);
    state.isBusy = false;
    if (answer !== "STORED" && answer !== "DELETED" && answer !== "NOT_FOUND") {
      state.isUnsure = true;
      return;
    }
    this.writes[proxy]!++;
    Object.assign(state, { acked: version, isDeleted: isDelete, isUnsure: false });
  }
}

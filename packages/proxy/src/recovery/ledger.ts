// Where the keys of a server are that some proxy has lost: at the server itself, or, once they are noted here, where the
// note says. It stands on one server that the proxies can reach, in the words of any memcached, and every request for a
// key of the lost server looks here first. Who may open and close it is absences.ts; who hears of it is notices.ts.

import { createHash, randomBytes } from "node:crypto";
import { CacheError } from "@marugoto/core";
import { Reply } from "@marugoto/protocol";
import { type Answer, ask } from "./ask.ts";
import type { Place } from "./place.ts";

/** Values that hold the notes: few keys each, so that looking for one stays cheap with 10⁶ of them. */
const SHARDS = 4096;

/** Shards that are asked for at a time when all notes are read. */
const SHARDS_PER_GET = 64;

/** What belongs to a ledger that nobody has closed goes at last, in seconds. */
const LIFE_SEC = 30 * 24 * 3600;

/** A closed ledger is told to be closed, and still read by proxies that keep its values warm, for so long, in seconds. */
const CLOSED_SEC = 3600;

export type LedgerState =
  /** It stands in for one that is lost, and does not have all of its notes yet. */
  | "opening"
  /** Notes are made and hold. */
  | "open"
  /** The server is back; notes hold, and none is made. */
  | "closing"
  /** Nothing of it holds any more. */
  | "closed"
  /** The server that it stood on has it no more. */
  | "lost";

/** What the head of a ledger says. */
export interface LedgerHead {
  readonly state: LedgerState;
  /** More keys were written elsewhere than are noted: any may have been. */
  readonly isFull: boolean;
  /** Closed: what stands elsewhere is the last that was written, and may be fetched from there. */
  readonly isWarm: boolean;
  /** For `cas`. */
  readonly unique: string;
}

/** What the ledger says about a key. */
export interface LedgerEntry extends LedgerHead {
  /** Label of the place where the key is; undefined: at its server. */
  readonly place: string | undefined;
}

/** In place of a place: at its server. */
const HOME = "home";

/** Before the name of a key: the note does not hold yet. */
const ANNOUNCED = "~";

/** In place of a place: none. */
const LOST = "lost";

const lost: LedgerHead = { state: "lost", isFull: false, isWarm: false, unique: "" };

export class Ledger {
  /** Later ones are greater, as text. Values in a gutter carry it in their keys. */
  readonly epoch: string;
  /** Which server it stands on. */
  readonly host: Place;

  constructor(epoch: string, host: Place) {
    this.epoch = epoch;
    this.host = host;
  }

  /** An epoch that is greater than `after`. */
  static newEpoch(after: string | undefined): string {
    const atMs = after === undefined ? 0 : Number.parseInt(after.slice(0, EPOCH_TIME), 36) + 1;
    const time = Math.max(Date.now(), atMs).toString(36).padStart(EPOCH_TIME, "0");
    return `${time}${randomBytes(6).toString("hex")}`;
  }

  static isEpoch(text: string): boolean {
    return EPOCH.test(text);
  }

  /** @returns whether it stands now, empty. @throws CacheError */
  async create(state: "opening" | "open", deadlineMs: number): Promise<boolean> {
    return (await this.#say(store("add", this.#headKey, state, LIFE_SEC), deadlineMs)) === Reply.stored;
  }

  /** Takes back an empty one that nobody has heard of. @throws CacheError */
  async remove(deadlineMs: number): Promise<void> {
    await this.#say(`delete ${this.#headKey}\r\n`, deadlineMs);
  }

  /** @throws CacheError when its server does not answer */
  async head(deadlineMs: number): Promise<LedgerHead> {
    return headIn(await this.#ask(`gets ${this.#headKey}\r\n`, deadlineMs), this.#headKey);
  }

  /**
   * Where a key is now: this was true at some time between the call and the answer.
   *
   * @param key latin1
   * @throws CacheError when its server does not answer
   */
  async look(key: string, deadlineMs: number): Promise<LedgerEntry> {
    const shard = this.#shardKey(shardOf(key));
    const answer = await this.#ask(`gets ${this.#headKey} ${shard}\r\n`, deadlineMs);
    return { ...headIn(answer, this.#headKey), place: placeIn(textOf(answer, shard), noteName(key)) };
  }

  /**
   * Notes that a key is at `place` from now on. It is announced first, for who closes the ledger alone: so whoever has said
   * "closing" finds every note that came to hold.
   *
   * @returns its head as it was behind the note, which holds when that is "open"
   * @throws CacheError when its server does not answer: the note may hold
   */
  async note(key: string, place: Place, deadlineMs: number): Promise<LedgerHead> {
    const name = noteName(key);
    const announced = await this.#append(key, `${ANNOUNCED}${name} ${place.label}`, deadlineMs);
    if (announced.state !== "open" && announced.state !== "opening") return announced;
    return this.#append(key, `${name} ${place.label}`, deadlineMs);
  }

  /** Notes that a key is at its server again. @throws CacheError when its server does not answer: the note may hold */
  async noteHome(key: string, deadlineMs: number): Promise<void> {
    await this.#append(key, `${noteName(key)} ${HOME}`, deadlineMs);
  }

  /**
   * Notes that nobody knows where a key is: it is to be read nowhere until it is written.
   *
   * @throws CacheError when its server does not answer: the note may hold
   */
  async noteLost(key: string, deadlineMs: number): Promise<void> {
    await this.#append(key, `${noteName(key)} ${LOST}`, deadlineMs);
  }

  async #append(key: string, note: string, deadlineMs: number): Promise<LedgerHead> {
    const shard = this.#shardKey(shardOf(key));
    const line = `${note}\n`;
    // A shard that another proxy makes at the same time is there the second time.
    for (const word of ["append", "add", "append"]) {
      const [reply, head] = await Promise.all([
        this.#say(store(word, shard, line, LIFE_SEC), deadlineMs),
        this.head(deadlineMs),
      ]);
      if (reply === Reply.stored) return head;
      if (reply !== Reply.notStored) throw new CacheError("server_error", `${this.host.node.name}: no room for a note`);
    }
    return lost;
  }

  /** Changes its head, unless that has been changed since it was read. @throws CacheError */
  async setHead(before: LedgerHead, state: LedgerState, deadlineMs: number, isWarm = false): Promise<boolean> {
    const text = [state, ...(before.isFull ? ["full"] : []), ...(isWarm ? ["warm"] : [])].join(" ");
    const lifeSec = state === "closed" ? CLOSED_SEC : LIFE_SEC;
    const request = `cas ${this.#headKey} 0 ${lifeSec} ${text.length} ${before.unique}\r\n${text}\r\n`;
    return (await this.#say(request, deadlineMs)) === Reply.stored;
  }

  /** Says that more keys are elsewhere than are noted. @returns whether it stands so. @throws CacheError */
  async setFull(deadlineMs: number): Promise<boolean> {
    while (performance.now() < deadlineMs) {
      const head = await this.head(deadlineMs);
      if (head.isFull) return true;
      if (head.state !== "open" && head.state !== "opening") return false;
      if (await this.setHead({ ...head, isFull: true }, head.state, deadlineMs)) return true;
    }
    return false;
  }

  /** All notes, some at a time, those that were only announced among them: of each key the last. @throws CacheError */
  async *notes(deadline: () => number): AsyncGenerator<Map<string, string>> {
    for (let first = 0; first < SHARDS; first += SHARDS_PER_GET) {
      const shards = Array.from({ length: SHARDS_PER_GET }, (_, i) => this.#shardKey(first + i));
      const answer = await this.#ask(`get ${shards.join(" ")}\r\n`, deadline());
      const found = new Map<string, string>();
      for (const shard of shards) {
        for (const [name, place] of linesOf(textOf(answer, shard))) {
          found.set(nameToKey(name.startsWith(ANNOUNCED) ? name.slice(1) : name), place);
        }
      }
      if (found.size > 0) yield found;
    }
  }

  /** Removes its notes. @throws CacheError */
  async removeNotes(deadline: () => number): Promise<void> {
    for (let first = 0; first < SHARDS; first += SHARDS_PER_GET) {
      const deadlineMs = deadline();
      await Promise.all(
        Array.from({ length: SHARDS_PER_GET }, (_, i) =>
          this.#say(`delete ${this.#shardKey(first + i)}\r\n`, deadlineMs),
        ),
      );
    }
  }

  get #headKey(): string {
    return `marugoto:ledger:${this.epoch}`;
  }

  #shardKey(shard: number): string {
    return `marugoto:ledger:${this.epoch}:${shard}`;
  }

  #ask(request: string, deadlineMs: number): Promise<Answer> {
    const { pool, node } = this.host;
    return ask(pool, node, "", Buffer.from(request, "latin1"), { deadlineMs });
  }

  async #say(request: string, deadlineMs: number): Promise<Reply | undefined> {
    return (await this.#ask(request, deadlineMs)).at(-1)?.reply;
  }
}

/** Characters of an epoch that are its time. */
const EPOCH_TIME = 9;
const EPOCH = /^[0-9a-z]{9}[0-9a-f]{12}$/;

function store(word: string, key: string, text: string, lifeSec: number): string {
  return `${word} ${key} 0 ${lifeSec} ${text.length}\r\n${text}\r\n`;
}

function textOf(answer: Answer, key: string): string | undefined {
  return answer.find(({ line }) => line.startsWith(`VALUE ${key} `))?.value?.toString("latin1");
}

function headIn(answer: Answer, key: string): LedgerHead {
  const part = answer.find(({ line }) => line.startsWith(`VALUE ${key} `));
  const [state, ...flags] = (part?.value?.toString("latin1") ?? "").split(" ");
  if (!isState(state)) return lost;
  const unique = part!.line.split(" ")[4] ?? "";
  return { state, unique, isFull: flags.includes("full"), isWarm: flags.includes("warm") };
}

function isState(word: string | undefined): word is LedgerState {
  return word === "opening" || word === "open" || word === "closing" || word === "closed";
}

function placeIn(text: string | undefined, name: string): string | undefined {
  let place: string | undefined;
  for (const [noted, at] of linesOf(text)) if (noted === name) place = at;
  return place === HOME ? undefined : place;
}

function* linesOf(text: string | undefined): Generator<readonly [name: string, place: string]> {
  if (text === undefined) return;
  for (const line of text.split("\n")) {
    const blank = line.indexOf(" ");
    if (blank > 0) yield [line.slice(0, blank), line.slice(blank + 1)];
  }
}

/** A key as a note has it: without blanks and control characters. */
function noteName(key: string): string {
  const isPlain = !/^[=~]|[\0-\x20\x7f]/.test(key);
  return isPlain ? key : `=${Buffer.from(key, "latin1").toString("base64")}`;
}

function nameToKey(name: string): string {
  return name.startsWith("=") ? Buffer.from(name.slice(1), "base64").toString("latin1") : name;
}

function shardOf(key: string): number {
  return createHash("sha1").update(key, "latin1").digest().readUInt16BE(0) % SHARDS;
}

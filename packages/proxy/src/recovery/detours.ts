// The longer way of a request: its server is out of use, or has come back and holds what must not be read as it is. Requests
// of one key go one behind the other, so that what was written first is read after it. Nothing of this runs while all is well.

import { CacheError, isCacheError } from "@marugoto/core";
import { Command, Lines, Reply } from "@marugoto/protocol";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { errorLine } from "../session/error-lines.ts";
import type { Absence } from "./absence.ts";
import { answerBytes, ask, type Answer } from "./ask.ts";
import { DetourRequest, endsWithNoop } from "./detour-request.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";
import { type Place, placeOf } from "./place.ts";
import { deleteAt, deleteNow, deleteRequest, isGone } from "./sweep.ts";
import type { WarmSource } from "./warm-source.ts";

const nothing = Buffer.alloc(0);

/** Tries of one request: where its key is may change while it is under way. */
const MAX_TRIES = 4;

export class Detours {
  readonly #pool: ProxyPool;
  /** The last request under way of each key. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(pool: ProxyPool) {
    this.#pool = pool;
  }

  /**
   * @param node the server that the key belongs to
   * @returns the bytes to answer with, an error's line among them; never rejected
   */
  async take(node: Node, request: DetourRequest): Promise<Buffer> {
    const { key } = request;
    node.detourBegins();
    const before = this.#last.get(key);
    const answer = before === undefined ? this.#answer(node, request) : before.then(() => this.#answer(node, request));
    this.#last.set(key, answer);
    try {
      return await answer;
    } finally {
      if (this.#last.get(key) === answer) this.#last.delete(key);
      node.detourEnds();
    }
  }

  async #answer(node: Node, request: DetourRequest): Promise<Buffer> {
    const { deadlineMs } = request;
    try {
      if (node.settled !== null) await node.settled;
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        await this.#pool.whenFresh(node, deadlineMs);
        if (performance.now() >= node.freshUntilMs) break;
        const bytes = node.inUse ? await this.#atServer(node, request) : await this.#elsewhere(node, request);
        if (bytes !== undefined) return bytes;
      }
      throw new CacheError("timeout", `${node.name}: where its keys are cannot be told in time`);
    } catch (error) {
      if (!isCacheError(error)) {
        this.#pool.core.events.emit("error", { what: `${node.name}: ${request.words[0] ?? ""}`, error });
        return errorLine(undefined);
      }
      return errorLine(error);
    }
  }

  // ---- the server is in use ----

  /** @returns undefined: it has gone out of use meanwhile */
  async #atServer(node: Node, request: DetourRequest): Promise<Buffer | undefined> {
    const { absence } = node;
    const ledger = absence?.ledger;
    if (absence === null || ledger === undefined) return this.#atOwner(node, request);
    const miss = node.isUnread && request.effect !== "write" ? missOf(request) : undefined;
    if (miss !== undefined) return miss;
    const entry = await this.#look(absence, request);
    if (entry === "unknown") return this.#missOrFail(node, request);
    if (!node.inUse) return undefined;
    if (entry === undefined) return this.#atOwner(node, request);
    if (absence.ledger !== ledger) return undefined;
    // Without warmth, what was elsewhere ends with the outage.
    const isOver = absence.isClosing && this.#pool.config.rejoin.warmMs === 0;
    const label = entry.place;
    if (label === undefined && (isOver || !entry.isFull)) return this.#atOwner(node, request);
    const place = label === undefined ? absence.placeFor(request.key) : placeOf(this.#pool, label);
    if (place?.node.inUse === true && !isOver) return this.#atPlace(place, ledger, request);
    if (request.effect !== "write") return missOf(request) ?? node.errorLine;
    if (label === undefined) return errorLine(undefined);
    // Its place cannot be reached, and its server can: it comes home.
    await deleteNow(this.#pool, node, request.key, request.deadlineMs);
    const answer = await this.#atOwner(node, request);
    await absence.noteHome(ledger, request.key, request.deadlineMs);
    return answer;
  }

  /** What the ledger says; "unknown": it can't be asked. */
  async #look(absence: Absence, { key, deadlineMs }: DetourRequest): Promise<LedgerEntry | undefined | "unknown"> {
    try {
      return await absence.look(key, deadlineMs);
    } catch (error) {
      if (!isCacheError(error)) throw error;
      return "unknown";
    }
  }

  /** Nobody can tell where a key is: a read misses, which is never wrong. */
  #missOrFail(node: Node, request: DetourRequest): Buffer {
    const miss = request.effect === "write" ? undefined : missOf(request);
    if (miss !== undefined) return miss;
    throw new CacheError("no_server", `${node.name}: the ledger that tells where its keys are cannot be asked`);
  }

  async #atOwner(node: Node, request: DetourRequest): Promise<Buffer> {
    const { key } = request;
    if (node.isUnread) {
      const miss = missOf(request);
      if (miss !== undefined) return miss;
    }
    if (node.warm !== null) return this.#atWarm(node, node.warm, request);
    if (node.fence.has(key)) {
      node.fence.delete(key);
      const [deleted, answer] = await Promise.all([this.#deleteFirst(node, request), this.#ask(node, request)]);
      // The answer may be what should have been deleted.
      return deleted ? toBytes(request, answer) : errorLine(undefined);
    }
    return toBytes(request, await this.#ask(node, request));
  }

  /** Sends the delete ahead of the request, on the same connection. */
  async #deleteFirst(node: Node, { key, deadlineMs }: DetourRequest): Promise<boolean> {
    try {
      if (isGone(await ask(this.#pool, node, key, deleteRequest(key), { deadlineMs }))) return true;
    } catch (error) {
      if (!isCacheError(error)) throw error;
    }
    this.#pool.fence(node, key);
    return false;
  }

  async #atWarm(node: Node, source: WarmSource, request: DetourRequest): Promise<Buffer> {
    const { key, deadlineMs } = request;
    if (request.effect === "write") await source.forget(key, deadlineMs);
    if (node.fence.has(key)) {
      node.fence.delete(key);
      if (!(await this.#deleteFirst(node, request))) return errorLine(undefined);
    }
    const first = await this.#ask(node, request);
    if (request.effect === "write" || !DetourRequest.isMiss(first) || /[\0-\x20\x7f]/.test(key)) {
      return toBytes(request, first);
    }
    const found = await source.find(key, deadlineMs).catch(ignoreUnreachable);
    if (found === undefined || found.ttlSec === 0) return toBytes(request, first);
    const head = `add ${key} ${found.flags} ${found.ttlSec ?? 0} ${found.value.length}\r\n`;
    const bytes = Buffer.concat([Buffer.from(head, "latin1"), found.value, Buffer.from("\r\n")]);
    await ask(this.#pool, node, key, bytes, { deadlineMs });
    // Another proxy may have written the key between the two: then what has been brought home is old.
    if ((await source.find(key, deadlineMs).catch(ignoreUnreachable)) === undefined) {
      await deleteNow(this.#pool, node, key, deadlineMs);
    }
    return toBytes(request, await this.#ask(node, request));
  }

  async #ask(node: Node, request: DetourRequest): Promise<Answer> {
    try {
      return await ask(this.#pool, node, request.key, request.bytes, request);
    } catch (error) {
      // It may have been done, or may still be.
      if (request.effect === "write") this.#pool.fence(node, request.key);
      throw error;
    }
  }

  // ---- the server is out of use ----

  /** @returns undefined: it is in use again */
  async #elsewhere(node: Node, request: DetourRequest): Promise<Buffer | undefined> {
    const { config, writesElsewhere } = this.#pool;
    this.#pool.wanted(node);
    if (node.absence === null || !writesElsewhere) {
      if (request.effect === "write") this.#pool.fence(node, request.key);
      const miss = config.failover.mode === "miss" && request.effect === "read" ? missOf(request) : undefined;
      return miss ?? node.errorLine;
    }
    // A touch by meta commands may make an item.
    const isWrite = request.effect === "write" || (request.effect === "touch" && request.isMeta);
    if (isWrite) return this.#writeElsewhere(node, node.absence, request);
    return this.#readElsewhere(node, node.absence, request);
  }

  async #readElsewhere(node: Node, absence: Absence, request: DetourRequest): Promise<Buffer | undefined> {
    const { ledger } = absence;
    const entry = await this.#look(absence, request);
    if (node.inUse || (entry !== undefined && absence.ledger !== ledger)) return undefined;
    if (entry === "unknown") return this.#missOrFail(node, request);
    const label = entry?.place;
    let place = label === undefined ? undefined : placeOf(this.#pool, label);
    if (label === undefined) {
      // The heirs hold such keys as their own: direct clients may have put it there, unless it is of an earlier outage.
      const isHeirs = this.#pool.config.failover.mode === "eject" && !absence.isUntidy(request.key);
      const isThere = isHeirs || entry?.isFull === true;
      if (isThere) place = absence.placeFor(request.key);
      if (isThere && place === undefined) return node.errorLine;
    }
    if (place?.node.inUse !== true) return missOf(request) ?? node.errorLine;
    return this.#atPlace(place, ledger, request);
  }

  async #writeElsewhere(node: Node, absence: Absence, request: DetourRequest): Promise<Buffer | undefined> {
    const pool = this.#pool;
    const { key, deadlineMs } = request;
    if (absence.placeFor(key) === undefined) return node.errorLine;
    const ledger = await absence.ready(deadlineMs);
    const entry = await absence.look(key, deadlineMs);
    if (node.inUse || entry === undefined || absence.ledger !== ledger) return undefined;
    const known = entry.place === undefined ? undefined : placeOf(pool, entry.place);
    if (known?.node.inUse === true) return this.#atPlace(known, ledger, request);
    const place = absence.placeFor(key);
    if (place === undefined) return node.errorLine;
    absence.leavesAt(key, place);
    // What an earlier outage has left there is not to be added to.
    if (request.command !== Command.set) await this.#clear(place, ledger, request);
    const answer = await this.#atPlace(place, ledger, request);
    if (isRefusal(answer)) return answer;
    if (!entry.isFull && !(await absence.note(ledger, key, place, deadlineMs))) return undefined;
    if (known?.isGutter === false) await deleteAt(pool, known.node, key);
    return answer;
  }

  async #atPlace({ node, isGutter }: Place, ledger: Ledger | undefined, request: DetourRequest): Promise<Buffer> {
    if (isGutter) {
      const { gutter } = this.#pool;
      if (gutter === undefined || ledger === undefined) throw new CacheError("no_server", "there is no gutter");
      return withoutNoop(request, await gutter.request(node, ledger.epoch, request));
    }
    node.detourBegins();
    try {
      return await this.#atOwner(node, request);
    } finally {
      node.detourEnds();
    }
  }

  async #clear({ node, isGutter }: Place, ledger: Ledger, { key, deadlineMs }: DetourRequest): Promise<void> {
    if (isGutter) await this.#pool.gutter?.forget(node, ledger.epoch, key, deadlineMs);
    else await deleteNow(this.#pool, node, key, deadlineMs);
  }
}

/** Whether a server has said that it won't. */
function isRefusal(answer: Buffer): boolean {
  return /^(?:SERVER_|CLIENT_)?ERROR/.test(answer.toString("latin1", 0, 12));
}

function toBytes(request: DetourRequest, answer: Answer): Buffer {
  const isMarked = endsWithNoop(request.expect) && answer.at(-1)?.reply === Reply.metaNoop;
  return answerBytes(isMarked ? answer.slice(0, -1) : answer);
}

function withoutNoop(request: DetourRequest, bytes: Buffer): Buffer {
  return endsWithNoop(request.expect) ? bytes.subarray(0, bytes.length - Lines.metaNoop.length) : bytes;
}

/** What would be answered if the key were not there; undefined: that does not say enough, it has to be asked. */
function missOf({ command, words }: DetourRequest): Buffer | undefined {
  const isQuiet = words.includes("q", 2);
  switch (command) {
    case Command.get:
    case Command.gets:
    case Command.gat:
    case Command.gats:
      return Lines.end;
    case Command.metaGet:
    case Command.metaDebug:
      return isQuiet ? nothing : Lines.metaMiss;
    case Command.incr:
    case Command.decr:
    case Command.touch:
    case Command.cas:
      return Lines.notFound;
    case Command.append:
    case Command.prepend:
    case Command.replace:
      return Lines.notStored;
    case Command.metaArithmetic:
      return isQuiet ? nothing : Lines.metaNotFound;
    default:
      return undefined;
  }
}

function ignoreUnreachable(error: unknown): undefined {
  if (!isCacheError(error)) throw error;
  return undefined;
}

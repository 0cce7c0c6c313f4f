// The longer way of a request: its server is out of use, or has come back and holds what must not be read as it is. Requests
// of one key go one behind the other, so that what was written first is read after it. Nothing of this runs while all is well.

import { isCacheError } from "@marugoto/core";
import { Command, Lines, Reply } from "@marugoto/protocol";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { errorLine } from "../session/error-lines.ts";
import { answerBytes, ask, type Answer } from "./ask.ts";
import { DetourRequest, endsWithNoop } from "./detour-request.ts";
import { deleteAt, deleteRequest, isGone } from "./sweep.ts";
import type { WarmSource } from "./warm-source.ts";

const nothing = Buffer.alloc(0);

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
    try {
      if (node.inUse) return await this.#atOwner(node, request);
      return await this.#elsewhere(node, request);
    } catch (error) {
      if (!isCacheError(error)) {
        this.#pool.core.events.emit("error", { what: `${node.name}: ${request.words[0] ?? ""}`, error });
        return errorLine(undefined);
      }
      return errorLine(error);
    }
  }

  // ---- the server is in use ----

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
    const [, again] = await Promise.all([ask(this.#pool, node, key, bytes, { deadlineMs }), this.#ask(node, request)]);
    return toBytes(request, again);
  }

  #ask(node: Node, request: DetourRequest): Promise<Answer> {
    return ask(this.#pool, node, request.key, request.bytes, request);
  }

  // ---- the server is out of use ----

  async #elsewhere(node: Node, request: DetourRequest): Promise<Buffer> {
    const pool = this.#pool;
    pool.wanted(node);
    if (request.effect === "write") pool.fence(node, request.key);
    switch (pool.config.failover.mode) {
      case "error":
        return node.errorLine;
      case "miss":
        return (request.effect === "read" ? missOf(request) : undefined) ?? node.errorLine;
      case "eject":
        return this.#atHeir(node, request);
      case "gutter":
        return pool.gutter === undefined ? node.errorLine : this.#atGutter(node, request);
    }
  }

  async #atGutter(node: Node, request: DetourRequest): Promise<Buffer> {
    const bytes = await this.#pool.gutter!.request(node, request);
    return withoutNoop(request, bytes);
  }

  /** Whose keys are shared among the others: they hold them as their own. */
  async #atHeir(node: Node, request: DetourRequest): Promise<Buffer> {
    const pool = this.#pool;
    const { key } = request;
    const heir = pool.liveOwner(key);
    if (heir === undefined) return node.errorLine;
    const holder = node.strays.get(key);
    if (holder !== undefined && holder !== heir) {
      node.strays.delete(key);
      await deleteAt(pool, holder, key);
    }
    if (request.effect === "write") {
      if (node.strays.size < node.fence.limit || node.strays.has(key)) node.strays.set(key, heir);
      else node.hasUnknownStrays = true;
    } else if (node.hasUnknownStrays && !node.strays.has(key)) {
      return missOf(request) ?? node.errorLine;
    }
    heir.detourBegins();
    try {
      return await this.#atOwner(heir, request);
    } finally {
      heir.detourEnds();
    }
  }
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

// What happens between a server's answering again and its being used again: by the pool's rule it is trusted, flushed, or
// fenced. A new process is flushed once, by whichever proxy comes first; an old one keeps what nobody wrote elsewhere.

import { isCacheError } from "@marugoto/core";
import type { RejoinWay } from "../events.ts";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { askState, flush, flushOnce } from "./identity.ts";
import { sweepFence, sweepStrays } from "./sweep.ts";
import { gutterSource, straySource, type WarmSource } from "./warm-source.ts";

/** Between two tries at a server that is connected and could not be made fit, in ms. */
const RETRY_MS = 500;

/** Makes a server fit to be used, and puts it into use. Called when it is out of use and has a connection. */
export async function rejoin(pool: ProxyPool, node: Node): Promise<void> {
  if (node.isRejoining) return;
  node.isRejoining = true;
  try {
    const { way, isLast } = await prove(pool, node);
    const { config } = pool;
    const source = isLast && config.rejoin.warmMs > 0 ? sourceOf(pool, node) : undefined;
    // What was put into the gutter may be older than what others have written to the server itself.
    if (source === undefined) await pool.gutter?.end(node, pool.deadlineMs());
    putIntoUse(pool, node, way, source);
  } catch (error) {
    if (!isCacheError(error)) throw error;
    if (pool.isClosed) return;
    pool.core.events.emit("rejoinFailed", { pool: pool.config.name, server: node.name, error });
    // When the connection is gone, the next one starts this again.
    setTimeout(() => {
      if (!node.inUse && pool.isReachable(node)) void rejoin(pool, node);
    }, RETRY_MS).unref();
  } finally {
    node.isRejoining = false;
  }
}

/** How a server was made fit. */
interface Proof {
  readonly way: RejoinWay;
  /** What was written elsewhere meanwhile is the last that was written to anybody's knowledge: nobody else could, or did. */
  readonly isLast: boolean;
}

async function prove(pool: ProxyPool, node: Node): Promise<Proof> {
  if (node.owesFlush) {
    await flush(pool, node);
    node.owesFlush = false;
    node.fence.clear();
    return { way: "flushed", isLast: false };
  }
  switch (pool.config.rejoin.policy) {
    case "trust":
      node.fence.clear();
      return { way: "trusted", isLast: false };
    case "flush":
      await flush(pool, node);
      node.fence.clear();
      return { way: "flushed", isLast: false };
    case "fence":
      break;
  }
  const state = await askState(pool, node);
  const { identity } = state;
  const others = node.writesOfOthers.look(state, 0);
  const isNew = identity !== undefined && node.identity !== undefined && identity !== node.identity;
  // When another proxy has flushed it, others may have used it since, and the keys written elsewhere are fenced all the same.
  // Of a pair, a new process has been copied from the other one.
  const isEmpty = isNew && node.pair === null;
  if (isEmpty && (await flushOnce(pool, node, identity))) node.fence.clear();
  node.identity = identity;
  if (node.fence.isFull) return { way: "unread", isLast: false };
  // A dead process serves nobody. Of one that could not be reached, its counts tell; if they are gone with it, what they said.
  if (isNew) return { way: "restarted", isLast: node.wasRefused || !node.writesOfOthers.wereSeen };
  return { way: "fenced", isLast: !others };
}

function sourceOf(pool: ProxyPool, node: Node): WarmSource | undefined {
  switch (pool.config.failover.mode) {
    case "gutter":
      return pool.gutter === undefined ? undefined : gutterSource(pool.gutter, node);
    case "eject":
      return straySource(pool, node);
    default:
      return undefined;
  }
}

function putIntoUse(pool: ProxyPool, node: Node, way: RejoinWay, source: WarmSource | undefined): void {
  node.isUnread = way === "unread";
  if (!node.isUnread) node.fence.isFull = false;
  const fencedKeys = node.fence.size;
  node.warm = source ?? null;
  pool.use(node, way, fencedKeys);
  if (node.isUnread) watchForFlush(pool, node);
  void sweepFence(pool, node);
  if (source === undefined) void sweepStrays(pool, node);
  else coolDown(pool, node, source);
}

/** After a while misses are misses again. */
function coolDown(pool: ProxyPool, node: Node, source: WarmSource): void {
  setTimeout(() => {
    if (node.warm === source && !pool.isClosed) void endWarmth(pool, node, source);
  }, pool.config.rejoin.warmMs).unref();
}

/** Others must not find what is old there either: so it ends there before it is forgotten here. */
async function endWarmth(pool: ProxyPool, node: Node, source: WarmSource): Promise<void> {
  await source.end(pool.deadlineMs());
  if (node.warm !== source) return;
  node.warm = null;
  node.refresh();
  void sweepStrays(pool, node);
}

/** A server that is in use and not read: when somebody flushes it, it is read again. */
function watchForFlush(pool: ProxyPool, node: Node): void {
  let before: number | undefined;
  const { identity } = node;
  const timer = setInterval(() => {
    if (!node.isUnread || !node.inUse || pool.isClosed) {
      clearInterval(timer);
      return;
    }
    void askState(pool, node).then(
      (state) => {
        before ??= state.flushes;
        if (state.identity !== identity || state.flushes === before || !node.isUnread) return;
        clearInterval(timer);
        readAgain(pool, node, "flushed");
      },
      () => {
        // It will be asked again, or is out of use.
      },
    );
  }, RETRY_MS);
  timer.unref();
}

function readAgain(pool: ProxyPool, node: Node, way: RejoinWay): void {
  node.isUnread = false;
  node.fence.clear();
  pool.use(node, way, 0);
}

/** Flushes a server that is in use and not read: it owes a flush, or the configuration says so from now on. */
export async function flushUnread(pool: ProxyPool, node: Node): Promise<void> {
  try {
    await flush(pool, node);
    node.owesFlush = false;
    if (node.isUnread) readAgain(pool, node, "flushed");
  } catch (error) {
    if (!isCacheError(error)) throw error;
    pool.core.events.emit("rejoinFailed", { pool: pool.config.name, server: node.name, error });
    // Out of use, it is flushed before it is used again.
    setTimeout(() => {
      if (node.isUnread && node.inUse && !pool.isClosed) void flushUnread(pool, node);
    }, RETRY_MS).unref();
  }
}

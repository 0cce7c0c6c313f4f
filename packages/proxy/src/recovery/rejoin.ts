// What happens between a server's answering again and its being used again: by the pool's rule it is trusted, flushed, or
// fenced. A new process is flushed once, by whichever proxy comes first; an old one keeps what nobody wrote elsewhere.

import { setTimeout as sleep } from "node:timers/promises";
import { isCacheError } from "@marugoto/core";
import type { RejoinWay } from "../events.ts";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { askState, flush, flushOnce } from "./identity.ts";
import { type Closing, TIDY_MS } from "./absence.ts";
import type { Ledger } from "./ledger.ts";
import { clearAway, sweepFence } from "./sweep.ts";
import type { WarmSource } from "./warm-source.ts";

/** Between two tries at a server that is connected and could not be made fit, in ms. */
const RETRY_MS = 500;

/** Until a ledger is closed that could not be closed yet, in ms. */
const CLOSE_AGAIN_MS = 2000;

/** Makes a server fit to be used, and puts it into use. Called when it is out of use and has a connection. */
export async function rejoin(pool: ProxyPool, node: Node): Promise<void> {
  if (node.isRejoining) return;
  node.isRejoining = true;
  try {
    const { way, isLast } = await prove(pool, node);
    putIntoUse(pool, node, way);
    void bringHome(pool, node, {
      // A server that is trusted is read as it is, and one that was emptied has nothing old.
      sweep: way !== "trusted" && way !== "flushed",
      isFull: way === "unread",
      isWarm: isLast && pool.config.rejoin.warmMs > 0,
    });
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

function putIntoUse(pool: ProxyPool, node: Node, way: RejoinWay): void {
  node.isUnread = way === "unread";
  if (!node.isUnread) node.fence.isFull = false;
  const { absence } = node;
  // Without a ledger nobody knows of them but this proxy.
  if (absence?.ledger === undefined) absence?.fenceNoted();
  const fencedKeys = node.fence.size + (absence?.noted.size ?? 0);
  pool.use(node, way, fencedKeys);
  if (node.isUnread) watchForFlush(pool, node);
  void sweepFence(pool, node);
}

/** Closes the ledger of a server that is used again, unless another proxy has not got it back. */
async function bringHome(pool: ProxyPool, node: Node, closing: Closing): Promise<void> {
  const { absence } = node;
  const ledger = absence?.ledger;
  if (absence === null || ledger === undefined) return;
  try {
    const { outSinceMs } = node;
    if (await absence.close(closing)) {
      void tidyUp(pool, ledger, closing.isWarm ? pool.config.rejoin.warmMs : 0);
      return;
    }
    // Another proxy has not got the server back, or a key was noted meanwhile.
    setTimeout(() => {
      const isSame = node.inUse && node.outSinceMs === outSinceMs && absence.ledger === ledger;
      if (isSame && isOpen(pool)) void bringHome(pool, node, closing);
    }, CLOSE_AGAIN_MS).unref();
  } catch (error) {
    if (!isCacheError(error)) throw error;
    if (!isOpen(pool)) return;
    pool.core.events.emit("rejoinFailed", { pool: pool.config.name, server: node.name, error });
    setTimeout(() => {
      if (node.inUse && absence.ledger === ledger && isOpen(pool)) void bringHome(pool, node, closing);
    }, RETRY_MS).unref();
  }
}

/** Removes what a ledger has left behind, when nobody looks there any more. */
async function tidyUp(pool: ProxyPool, ledger: Ledger, afterMs: number): Promise<void> {
  await sleep(afterMs, undefined, { ref: false });
  const untilMs = performance.now() + TIDY_MS;
  while (performance.now() < untilMs && isOpen(pool)) {
    try {
      await clearAway(pool, ledger);
      return;
    } catch (error) {
      if (!isCacheError(error)) throw error;
      await sleep(RETRY_MS, undefined, { ref: false });
    }
  }
}

/** It may have been closed meanwhile, which the compiler doesn't see. */
function isOpen(pool: ProxyPool): boolean {
  return !pool.isClosed;
}

/** For a while, what the server misses is looked for where it was meanwhile. */
export function warmUp(pool: ProxyPool, node: Node, source: WarmSource): void {
  node.warm = source;
  node.refresh();
  setTimeout(() => {
    if (node.warm !== source) return;
    node.warm = null;
    node.refresh();
  }, pool.config.rejoin.warmMs).unref();
}

/** Others have written more elsewhere than was noted: nothing is read until somebody flushes the server. */
export function becomeUnread(pool: ProxyPool, node: Node): void {
  node.isUnread = true;
  node.refresh();
  watchForFlush(pool, node);
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

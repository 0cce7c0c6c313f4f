// Deletes what is not to be read: on a server that has come back, the keys that were written elsewhere; elsewhere, the keys
// that were written for it. In the background, a batch at a time.

import { CacheError, isCacheError } from "@marugoto/core";
import { Reply } from "@marugoto/protocol";
import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask, type Answer } from "./ask.ts";
import type { Ledger } from "./ledger.ts";
import { placeOf } from "./place.ts";

/** Deletes under way at a time. */
const BATCH_KEYS = 256;

/** What deletes a key, whatever bytes it is made of. */
export function deleteRequest(key: string): Buffer {
  if (!/[\0-\x20\x7f]/.test(key)) return Buffer.from(`delete ${key}\r\n`, "latin1");
  return Buffer.from(`md ${Buffer.from(key, "latin1").toString("base64")} b\r\n`, "latin1");
}

/** Whether what `deleteRequest` asks for has been done. */
export function isGone(answer: Answer): boolean {
  const reply = answer[0]?.reply;
  return reply === Reply.deleted || reply === Reply.notFound || reply === Reply.metaHit || reply === Reply.metaNotFound;
}

/** Deletes a key on a server. @throws CacheError when it has not done that */
export async function deleteNow(pool: ProxyPool, node: Node, key: string, deadlineMs: number): Promise<void> {
  const answer = await ask(pool, node, key, deleteRequest(key), { deadlineMs });
  if (!isGone(answer)) throw new CacheError("server_error", `${node.name}: ${answer[0]?.line ?? ""}`);
}

/**
 * Deletes a key on a server. When that fails, or the server is out of use, the key is fenced there: then it is deleted
 * before it can be read.
 *
 * @returns whether it is deleted now
 */
export async function deleteAt(pool: ProxyPool, node: Node, key: string): Promise<boolean> {
  try {
    if (node.inUse) {
      const answer = await ask(pool, node, key, deleteRequest(key), { deadlineMs: pool.deadlineMs() });
      if (isGone(answer)) return true;
    }
  } catch (error) {
    if (!isCacheError(error)) throw error;
  }
  pool.fence(node, key);
  return false;
}

/**
 * Deletes on a server that is in use again the keys that are fenced. Each leaves the fence when its delete is sent: what is
 * asked of the server behind that comes after it.
 */
export async function sweepFence(pool: ProxyPool, node: Node): Promise<void> {
  for (const keys of batches(node.fence.keys())) {
    if (!node.inUse) break;
    for (const key of keys) node.fence.delete(key);
    const deleted = await Promise.all(keys.map((key) => deleteAt(pool, node, key)));
    // A server that does not delete is not asked again and again; who asks for a key deletes it first.
    if (deleted.includes(false)) break;
  }
  node.refresh();
}

/**
 * Removes what a closed ledger has left behind: on the other servers of the pool the keys that were noted there, and then
 * the notes. In a gutter, values lapse by themselves.
 *
 * @throws CacheError when the server of the ledger does not answer
 */
export async function clearAway(pool: ProxyPool, ledger: Ledger): Promise<void> {
  const deadline = () => pool.deadlineMs();
  for await (const notes of ledger.notes(deadline)) {
    for (const keys of batches(notes.keys())) {
      const places = keys.map((key) => [key, placeOf(pool, notes.get(key)!)] as const);
      const held = places.filter(([, place]) => place?.isGutter === false);
      await Promise.all(held.map(([key, place]) => deleteAt(pool, place!.node, key)));
    }
  }
  await ledger.removeNotes(deadline);
}

/** Gathers keys from an iterator that bears with changes of what it goes over. */
function* batches(keys: Iterable<string>): Generator<string[]> {
  let batch: string[] = [];
  for (const key of keys) {
    batch.push(key);
    if (batch.length < BATCH_KEYS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

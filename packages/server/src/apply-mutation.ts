// Applies effects that happened elsewhere to a store, as they are: the rules were applied where they happened.

import type { Store } from "@marugoto/storage";
import { MutationKind, type AppliedMutation } from "./mutation.ts";

/** @returns false when a value found no room; the key is then removed, so that no older value stays */
export function applyMutation(store: Store, mutation: AppliedMutation): boolean {
  if (mutation.kind === MutationKind.flush) {
    if (mutation.flushAt === 0) store.flush();
    else store.flush(mutation.flushAt);
    return true;
  }
  const { key } = mutation;
  if (mutation.kind === MutationKind.put) {
    const { flags, expiry, value, casHigh, casLow } = mutation;
    const item = store.put(key, 0, key.length, flags, expiry, value, 0, value.length, casHigh, casLow);
    if (item !== 0) {
      if (mutation.stale) store.setStale(item, true);
      if (mutation.winSent) store.setWinSent(item, true);
      return true;
    }
    const old = store.find(key, 0, key.length);
    if (old !== 0) store.remove(old);
    return false;
  }
  const item = store.find(key, 0, key.length);
  if (item === 0) return true;
  if (mutation.kind === MutationKind.remove) store.remove(item);
  else store.setExpiry(item, mutation.expiry);
  return true;
}

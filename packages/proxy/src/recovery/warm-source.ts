// Where the values of a server are found that has come back without them: where its ledger, which is closed by now, had
// them. Whoever writes a key meanwhile removes it there first, so that nothing older is found than what was written last.

import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask } from "./ask.ts";
import { foundIn, type Found } from "./gutter.ts";
import type { Ledger } from "./ledger.ts";
import { type Place, placeOf } from "./place.ts";
import { deleteAt } from "./sweep.ts";

export interface WarmSource {
  readonly ledger: Ledger;
  /** @throws CacheError when it can't be asked */
  find(key: string, deadlineMs: number): Promise<Found | undefined>;
  /** Nobody finds it there any more. @throws CacheError when it can't be asked */
  forget(key: string, deadlineMs: number): Promise<void>;
}

export function ledgerSource(pool: ProxyPool, ledger: Ledger): WarmSource {
  const placeIn = async (key: string, deadlineMs: number): Promise<Place | undefined> => {
    const { place } = await ledger.look(key, deadlineMs);
    const found = place === undefined ? undefined : placeOf(pool, place);
    return found?.node.inUse === true ? found : undefined;
  };
  return {
    ledger,
    async find(key, deadlineMs) {
      const place = await placeIn(key, deadlineMs);
      if (place === undefined) return undefined;
      if (place.isGutter) return pool.gutter?.find(place.node, ledger.epoch, key, deadlineMs);
      const request = Buffer.from(`mg ${key} v f t k\r\n`, "latin1");
      return foundIn(await ask(pool, place.node, key, request, { deadlineMs }), key);
    },
    async forget(key, deadlineMs) {
      // Also when its place cannot be reached now: it may be, later.
      const { place } = await ledger.look(key, deadlineMs);
      if (place === undefined) return;
      await ledger.noteHome(key, deadlineMs);
      const left = placeOf(pool, place);
      if (left?.isGutter === false) await deleteAt(pool, left.node, key);
    },
  };
}

// Where the values of a server are found that has come back with nothing: where they were written while it was out of use.
// Whoever writes a key meanwhile removes it there first, so that nothing older is found than what was written last.

import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ask } from "./ask.ts";
import { foundIn, type Found, type Gutter } from "./gutter.ts";
import { deleteAt } from "./sweep.ts";

export interface WarmSource {
  /** @throws CacheError when it can't be asked */
  find(key: string, deadlineMs: number): Promise<Found | undefined>;
  /** @throws CacheError when it can't be asked */
  forget(key: string, deadlineMs: number): Promise<void>;
  /** Nothing is looked for here any more. */
  end(deadlineMs: number): Promise<void>;
}

/** The gutter, under the number of the outage that has ended. */
export function gutterSource(gutter: Gutter, node: Node): WarmSource {
  return {
    find: (key, deadlineMs) => gutter.find(node, key, deadlineMs),
    forget: (key, deadlineMs) => gutter.forget(node, key, deadlineMs),
    end: (deadlineMs) => gutter.end(node, deadlineMs),
  };
}

/** The other servers of the pool, for keys that this proxy itself has written there. */
export function straySource(pool: ProxyPool, node: Node): WarmSource {
  return {
    async find(key, deadlineMs) {
      const holder = node.strays.get(key);
      if (holder?.inUse !== true) return undefined;
      const request = Buffer.from(`mg ${key} v f t k\r\n`, "latin1");
      return foundIn(await ask(pool, holder, key, request, { deadlineMs }), key);
    },
    async forget(key) {
      const holder = node.strays.get(key);
      if (holder === undefined) return;
      node.strays.delete(key);
      await deleteAt(pool, holder, key);
    },
    end: () => Promise.resolve(),
  };
}

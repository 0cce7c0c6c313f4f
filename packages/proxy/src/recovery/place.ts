// A server where keys can be that do not belong to it: one of the pool's, or one of the gutter's, under a name that all
// proxies with this configuration know.

import type { Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";

export interface Place {
  /** Whose server it is: the pool, or its gutter's. */
  readonly pool: ProxyPool;
  readonly node: Node;
  readonly isGutter: boolean;
  /** `pool:` or `gutter:` and the server's name. */
  readonly label: string;
}

/** All places of a pool, the gutter's first. */
export function placesOf(pool: ProxyPool): Place[] {
  const gutter = pool.gutter?.pool;
  const at = (owner: ProxyPool, isGutter: boolean) =>
    owner.nodes.map((node) => ({ pool: owner, node, isGutter, label: labelOf(node, isGutter) }));
  return [...(gutter === undefined ? [] : at(gutter, true)), ...at(pool, false)];
}

/** The place of a label; undefined: this configuration has none such. */
export function placeOf(pool: ProxyPool, label: string): Place | undefined {
  return placesOf(pool).find((place) => place.label === label);
}

/** Whether it can be asked: not after a reload that has taken it away, and not while it is out of use. */
export function isUsable({ pool, node }: Place): boolean {
  return node.inUse && node.index >= 0 && !pool.isClosed;
}

function labelOf(node: Node, isGutter: boolean): string {
  return `${isGutter ? "gutter" : "pool"}:${node.name}`;
}

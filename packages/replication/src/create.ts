// Which replication a set of options asks for.

import { AttachedReplication } from "./attach.ts";
import { LeavingReplication } from "./repcached/leaving-replication.ts";
import { createRepcachedReplication } from "./repcached/repcached-replication.ts";
import type { ReplicationOptions } from "./options.ts";
import type { Replication } from "./replication.ts";

/**
 * Creates one node's part in replication; opens nothing.
 *
 * @throws CacheError `invalid_option`
 */
export function createReplication(options: Partial<ReplicationOptions> = {}): Replication {
  if (options.leaveRepcached === true) return new LeavingReplication(options);
  return options.repcached === true ? createRepcachedReplication(options) : new AttachedReplication(options);
}

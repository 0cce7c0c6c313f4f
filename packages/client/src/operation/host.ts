// What an op asks of the pool it is in.

import type { CacheError } from "@marugoto/core";
import type { FailureReason } from "../failover/failover.ts";
import type { Aborts } from "./aborts.ts";
import type { LineLimits } from "./get-line.ts";
import type { KeyEncoder } from "./keys.ts";
import type { Op } from "./op.ts";

export interface OpHost {
  /** Holds the key of the op that is being written. */
  readonly encoder: KeyEncoder;
  readonly lineLimits: LineLimits;
  readonly aborts: Aborts;
  /** Chooses a server and sends the op there. What can't be sent fails through the op. */
  dispatch(op: Op): void;
  /** The op has failed on its server: sends it elsewhere or lets it fail. */
  failedOver(op: Op, error: CacheError, reason: FailureReason): void;
  /** No further server by the rules: does what the caller wished for this case. */
  giveUp(op: Op, error: CacheError): void;
  /** Sends the op to its server once more, as a request of its own. */
  askAgain(op: Op): void;
  /** A plain read has won the right to recompute a stale item: lets another reader win it. */
  giveBackLease(op: Op): void;
  /** The op has settled and nobody knows it any more. */
  recycle(op: Op): void;
}

// Requests that are made of another: copies on further servers, the parts of one write, the return of a lease.

import { KEEP_EXPTIME, OpCode } from "./op-code.ts";
import type { Op, OpOwner } from "./op.ts";
import type { Tally } from "./tally.ts";

/** A copy's end is nobody's business: the caller has the answer of the first server. */
const NOBODY: OpOwner = {
  done(op) {
    op.host.recycle(op);
  },
  failed(op) {
    op.host.recycle(op);
  },
};

/** Makes `copy` the same request without anybody who waits for its end. */
export function copyRequest(op: Op, copy: Op): void {
  copy.code = op.code;
  copy.key = op.key;
  copy.keys = op.keys;
  copy.serverKey = op.serverKey;
  copy.codec = op.codec;
  copy.value = op.value;
  copy.flags = op.flags;
  copy.exptime = op.exptime;
  copy.casHigh = op.casHigh;
  copy.casLow = op.casLow;
  copy.deltaHigh = op.deltaHigh;
  copy.deltaLow = op.deltaLow;
  copy.timeoutMs = op.timeoutMs;
  copy.deadlineMs = op.deadlineMs;
  copy.onFailurePolicy = "throw";
  copy.signal = null;
  copy.isCopy = true;
  copy.owner = NOBODY;
  copy.settled = false;
}

/** Makes `part` one of the parts of `op`: where it ends counts for the whole. */
export function makePart(op: Op, part: Op, tally: Tally, index: number): void {
  copyRequest(op, part);
  part.isCopy = index > 0;
  part.owner = tally;
  part.index = index;
}

/** Makes `giveBack` the return of the right to recompute that `op` has won. */
export function makeReturn(op: Op, giveBack: Op): void {
  copyRequest(op, giveBack);
  giveBack.code = OpCode.invalidate;
  giveBack.exptime = KEEP_EXPTIME;
  giveBack.casHigh = giveBack.casLow = 0;
}

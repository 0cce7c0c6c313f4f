// What an op asks for, and what that is to the rules of failover.

import { Operation } from "../failover/failover.ts";

/** What an op asks for. */
export const OpCode = {
  get: 0,
  gets: 1,
  gat: 2,
  gats: 3,
  set: 4,
  add: 5,
  replace: 6,
  append: 7,
  prepend: 8,
  cas: 9,
  delete: 10,
  incr: 11,
  decr: 12,
  touch: 13,
  /** Meta only: a read that may win the right to recache. */
  lease: 14,
  /** Meta only: marks an item stale. */
  invalidate: 15,
} as const;

export type OpCode = (typeof OpCode)[keyof typeof OpCode];

/** By code: what the rules of failover take it for. */
export const operationOf: readonly Operation[] = [
  Operation.read,
  Operation.read,
  Operation.touch,
  Operation.touch,
  Operation.set,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.conditional,
  Operation.delete,
  Operation.arithmetic,
  Operation.arithmetic,
  Operation.touch,
  Operation.read,
  Operation.delete,
];

/** exptime of an invalidation that leaves the item's own as it is. */
export const KEEP_EXPTIME = -2;

import type { Family } from "../case.ts";
import { del } from "./delete.ts";
import { flushAll } from "./flush-all.ts";
import { get } from "./get.ts";
import { incrDecr } from "./incr-decr.ts";
import { limits } from "./limits.ts";
import { malformed } from "./malformed.ts";
import { metaArithmetic } from "./meta-arithmetic.ts";
import { metaDelete } from "./meta-delete.ts";
import { metaGet } from "./meta-get.ts";
import { metaNoopDebug } from "./meta-noop-debug.ts";
import { metaSet } from "./meta-set.ts";
import { pipelining } from "./pipelining.ts";
import { server } from "./server.ts";
import { stats } from "./stats.ts";
import { storage } from "./storage.ts";
import { touchGat } from "./touch-gat.ts";

/** All cases, by command family. */
export const families: readonly Family[] = [
  get,
  storage,
  del,
  incrDecr,
  touchGat,
  flushAll,
  metaGet,
  metaSet,
  metaDelete,
  metaArithmetic,
  metaNoopDebug,
  stats,
  server,
  malformed,
  pipelining,
  limits,
];

// The parts of one instance over a set of buffers, and in which order they stand on each other.

import { stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import { CasCounter } from "./cas-counter.ts";
import { Ghost } from "./ghost.ts";
import { Items } from "./items.ts";
import { KeyIndex } from "./key-index.ts";
import { LargeValues } from "./large-values.ts";
import { Memory } from "./memory.ts";
import { Reclaimer } from "./reclaimer.ts";
import { SegmentLog } from "./segment-log.ts";
import { SlabClasses } from "./slab-classes.ts";

export interface Parts {
  readonly ints: Int32Array;
  readonly numbers: Float64Array;
  readonly classes: SlabClasses;
  readonly cas: CasCounter;
  readonly memory: Memory;
  readonly index: KeyIndex;
  readonly log: SegmentLog;
  readonly large: LargeValues;
  readonly items: Items;
  readonly ghost: Ghost;
  readonly reclaimer: Reclaimer;
}

export function assemble(buffers: StoreBuffers): Parts {
  const ints = stateInts(buffers);
  const classes = new SlabClasses(buffers);
  const memory = new Memory(buffers);
  const index = new KeyIndex(buffers, memory);
  const log = new SegmentLog(buffers, memory);
  const large = new LargeValues(buffers, memory, log);
  const items = new Items(buffers, memory, index, log, large, classes);
  const ghost = new Ghost(buffers);
  const reclaimer = new Reclaimer(buffers, memory, log, large, items, ghost);
  const cas = new CasCounter(ints);
  return { ints, numbers: stateNumbers(buffers), classes, cas, memory, index, log, large, items, ghost, reclaimer };
}

/** Takes new views, after another instance has changed the set of buffers. */
export function refresh({ memory, index, log, large }: Parts): void {
  memory.refresh();
  index.refresh();
  log.refresh();
  large.refresh();
}

// Two logs that grew apart become one. Per key the newest change wins, by (time, rank); a tie goes to the side that is
// followed. The side that follows sends what its stretch of the log has left of each key; the other decides. No
// state, no links: the node moves the bytes.

import type { Content, RecordSink } from "../environment.ts";
import { Scratch, type EffectLog } from "../log/effect-log.ts";
import {
  forEachEffect,
  keyOffset,
  PUT_HEAD_BYTES,
  readExpiry,
  readLength,
  readRank,
  readTime,
  RecordKind,
  writeFlush,
  writeRemove,
} from "../log/records.ts";

interface Change {
  readonly kind: number;
  readonly timeMs: number;
  readonly rank: number;
  /** The stretch says the whole item, or that it is gone; false = only its expiry. */
  readonly isWhole: boolean;
}

/** What a stretch of a log has left. */
interface Stretch {
  /** Key as latin1 → the last change. */
  readonly changes: Map<string, Change>;
  /** The last flush_all that took effect at once; it takes everything older with it. */
  flush: Change | undefined;
}

/** The changes in `log` from `offset` on; undefined when it doesn't reach back so far. */
function stretchOf(log: EffectLog, offset: number): Stretch | undefined {
  const stretch: Stretch = { changes: new Map(), flush: undefined };
  const complete = log.forEachEffect(offset, (buffer, at) => {
    const kind = buffer[at]!;
    const change = changeAt(buffer, at);
    if (kind === RecordKind.flush) {
      if (readExpiry(buffer, at) !== 0) return;
      stretch.changes.clear();
      stretch.flush = change;
      return;
    }
    const key = keyOf(buffer, at);
    // Merged changes come into a log later than their own time says.
    const before = stretch.changes.get(key);
    const isWhole = change.isWhole || (before?.isWhole ?? stretch.flush !== undefined);
    const newest = before === undefined || !isNewer(before, change) ? change : before;
    stretch.changes.set(key, { ...newest, isWhole });
  });
  return complete ? stretch : undefined;
}

/**
 * What the following side says: a flush if there was one, then per key the item as it is, or its removal. An item that was
 * evicted meanwhile is left out: that is no change.
 *
 * @returns undefined when the log doesn't reach back to `offset`
 */
export function changesSince(log: EffectLog, offset: number, content: Content): Buffer | undefined {
  const stretch = stretchOf(log, offset);
  if (stretch === undefined) return undefined;
  const scratch = new Scratch(64 * 1024);
  if (stretch.flush !== undefined) writeFlush(scratch, 0, stretch.flush.timeMs, stretch.flush.rank);
  for (const [text, { kind, timeMs, rank }] of stretch.changes) {
    const key = Buffer.from(text, "latin1");
    const isThere = content.encodeKey(key, scratch, RecordKind.put, timeMs, rank);
    if (!isThere && kind === RecordKind.remove) writeRemove(scratch, key, 0, key.length, timeMs, rank);
  }
  return scratch.written;
}

/** Calls `visit` with each key that was changed in `log` from `offset` on, and its value now; undefined = there is none. */
export function forEachChange(
  log: EffectLog,
  offset: number,
  content: Content,
  visit: (key: Buffer, value: Buffer | undefined, timeMs: number) => void,
): void {
  const scratch = new Scratch(4096);
  for (const [text, { timeMs }] of stretchOf(log, offset)?.changes ?? []) {
    const key = Buffer.from(text, "latin1");
    scratch.clear();
    const isThere = content.encodeKey(key, scratch, RecordKind.put, 0, 0);
    visit(key, isThere ? Buffer.from(valueOf(scratch.buffer, 0)) : undefined, timeMs);
  }
}

export interface MergeResult {
  readonly taken: number;
  readonly discarded: number;
}

export interface MergeParts {
  readonly log: EffectLog;
  readonly content: Content;
  /** Where the two logs part. */
  readonly offset: number;
  /** What `changesSince` gave on the other side. */
  readonly theirs: Buffer;
  /** True = nothing of theirs is taken: what they changed is said again as it is here. */
  readonly discardAll: boolean;
  /** Removes a key as a write of its own. */
  readonly remove: (key: Buffer, timeMs: number, rank: number) => void;
  readonly onDiscarded: (key: Buffer, value: Buffer | undefined, timeMs: number) => void;
}

/** Brings their changes into our content and log. @returns undefined when our log doesn't reach back far enough */
export function merge(parts: MergeParts): MergeResult | undefined {
  const { log, content, offset, theirs, discardAll } = parts;
  const ours = stretchOf(log, offset);
  if (ours === undefined) return undefined;
  let taken = 0;
  let discarded = 0;
  forEachEffect(theirs, 0, theirs.length, (buffer, at) => {
    const kind = buffer[at]!;
    const change = changeAt(buffer, at);
    if (kind === RecordKind.flush) {
      if (!discardAll) taken += flushOlder(parts, ours, change);
      else sayAll(content, log);
      return;
    }
    const key = keyOf(buffer, at);
    const mine = ours.changes.get(key) ?? ours.flush;
    if (!discardAll && (mine === undefined || isNewer(change, mine))) {
      taken++;
      take(parts, buffer, at, change);
      return;
    }
    const bytes = Buffer.from(key, "latin1");
    // The same change, that came another way before, is not given up.
    if (mine === undefined || discardAll || isNewer(mine, change)) {
      discarded++;
      const value = kind === RecordKind.remove ? undefined : Buffer.from(valueOf(buffer, at));
      parts.onDiscarded(bytes, value, change.timeMs);
    }
    // Where our stretch of the log doesn't say all of the key, the follower has to hear what is here.
    if (
      ours.changes.get(key)?.isWhole !== true &&
      !content.encodeKey(bytes, log, RecordKind.put, change.timeMs, change.rank)
    ) {
      writeRemove(log, bytes, 0, bytes.length, change.timeMs, change.rank);
    }
  });
  return { taken, discarded };
}

function take(parts: MergeParts, buffer: Buffer, at: number, { kind, timeMs, rank }: Change): void {
  if (kind === RecordKind.remove) {
    const start = at + keyOffset(kind);
    parts.remove(Buffer.from(buffer.subarray(start, start + buffer[at + 1]!)), timeMs, rank);
  } else {
    parts.content.adopt(buffer, at, parts.log);
  }
}

/** Their flush takes what is older here; what was written here later stays. @returns how many items went */
function flushOlder({ content, remove }: MergeParts, ours: Stretch, flush: Change): number {
  const older: Buffer[] = [];
  for (let cursor = 0; cursor !== -1;) {
    cursor = content.sweepSome(cursor, 1024, (key, start, end) => {
      const mine = ours.changes.get(key.toString("latin1", start, end));
      if (mine === undefined || isNewer(flush, mine)) older.push(Buffer.from(key.subarray(start, end)));
      return false;
    });
  }
  for (const key of older) remove(key, flush.timeMs, flush.rank);
  return older.length;
}

/** Says every item again: for a follower that has flushed what is still here. */
function sayAll(content: Content, sink: RecordSink): void {
  const keys: Buffer[] = [];
  for (let cursor = 0; cursor !== -1;) {
    cursor = content.sweepSome(cursor, 1024, (key, start, end) => {
      keys.push(Buffer.from(key.subarray(start, end)));
      return false;
    });
  }
  for (const key of keys) content.encodeKey(key, sink, RecordKind.put, 0, 0);
}

function changeAt(buffer: Buffer, at: number): Change {
  const kind = buffer[at]!;
  return { kind, timeMs: readTime(buffer, at), rank: readRank(buffer, at), isWhole: kind !== RecordKind.touch };
}

function isNewer(a: Change, b: Change): boolean {
  return a.timeMs !== b.timeMs ? a.timeMs > b.timeMs : a.rank > b.rank;
}

function keyOf(buffer: Buffer, at: number): string {
  const start = at + keyOffset(buffer[at]!);
  return buffer.toString("latin1", start, start + buffer[at + 1]!);
}

function valueOf(buffer: Buffer, at: number): Buffer {
  const start = at + PUT_HEAD_BYTES + buffer[at + 1]!;
  return buffer.subarray(start, at + readLength(buffer, at));
}

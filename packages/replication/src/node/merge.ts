// Two logs that grew apart become one. Per key the newest change wins, by (time, rank); of two with the same, those of two
// nodes that share a rank, the one whose bytes are greater, so that the order of merges changes nothing. The side that
// follows sends what its stretch of the log has left of each key; the other decides. No state, no links: the node moves
// the bytes.

import type { Content } from "../environment.ts";
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

/** Older than any. */
const FIRST: Change = { kind: 0, timeMs: -1, rank: 0, isWhole: false };

/** What a stretch of a log has left. */
interface Stretch {
  /** Key as latin1 → the last change. */
  readonly changes: Map<string, Change>;
  /** The last flush_all that took effect at once; it takes everything older with it. */
  flush: Change | undefined;
  /** A flush_all that is still to come, and when; group time. */
  later: { readonly change: Change; readonly whenMs: number } | undefined;
}

/** The changes in `log` from `offset` on; undefined when it doesn't reach back so far. */
function stretchOf(log: EffectLog, offset: number): Stretch | undefined {
  const stretch: Stretch = { changes: new Map(), flush: undefined, later: undefined };
  const complete = log.forEachEffect(offset, (buffer, at) => {
    const change = changeAt(buffer, at);
    if (change.kind !== RecordKind.flush) {
      noteChange(stretch, keyOf(buffer, at), change);
    } else if (readExpiry(buffer, at) === 0) {
      noteFlush(stretch, change);
    } else {
      stretch.later = { change, whenMs: readExpiry(buffer, at) };
    }
  });
  return complete ? stretch : undefined;
}

function noteChange({ changes, flush }: Stretch, key: string, change: Change): void {
  // Merged changes come into a log later than their own time says, and may be of a time that is still to come here: the last
  // one says what has become of the key, the newest one since when.
  const before = changes.get(key);
  const isWhole = change.isWhole || (before?.isWhole ?? flush !== undefined);
  const { timeMs, rank } = before === undefined || !isNewer(before, change) ? change : before;
  changes.set(key, { kind: change.kind, timeMs, rank, isWhole });
}

/** A merged flush comes into a log later than its own time says too: what is newer stays. */
function noteFlush(stretch: Stretch, flush: Change): void {
  for (const [key, change] of stretch.changes) if (!isNewer(change, flush)) stretch.changes.delete(key);
  if (stretch.flush === undefined || isNewer(flush, stretch.flush)) stretch.flush = flush;
  if (stretch.later !== undefined && !isNewer(stretch.later.change, flush)) stretch.later = undefined;
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
  writeStretch(scratch, stretch, content);
  return scratch.written;
}

/** The records that bring another node to where the stretch has led. */
function writeStretch(scratch: Scratch, { changes, flush, later }: Stretch, content: Content): void {
  if (flush !== undefined) writeFlush(scratch, 0, flush.timeMs, flush.rank);
  if (later !== undefined) writeFlush(scratch, later.whenMs, later.change.timeMs, later.change.rank);
  for (const [text, { kind, timeMs, rank }] of changes) {
    const key = Buffer.from(text, "latin1");
    const isThere = content.encodeKey(key, scratch, RecordKind.put, timeMs, rank);
    if (!isThere && kind === RecordKind.remove) writeRemove(scratch, key, 0, key.length, timeMs, rank);
  }
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
  // What they have flushed is still here, or what they wait to flush stays: only a copy says that.
  if (discardAll && hasFlush(theirs)) return undefined;
  const result = { taken: 0, discarded: 0 };
  forEachEffect(theirs, 0, theirs.length, (buffer, at) => {
    const change = changeAt(buffer, at);
    if (change.kind !== RecordKind.flush) {
      mergeKey(parts, ours, buffer, at, change, result);
    } else if (readExpiry(buffer, at) === 0) {
      if (ours.flush !== undefined && !isNewer(change, ours.flush)) return;
      result.taken++;
      takeFlush(content, log, ours, change);
    } else if (isNewer(change, ours.later?.change ?? ours.flush ?? FIRST)) {
      result.taken++;
      ours.later = { change, whenMs: readExpiry(buffer, at) };
      content.apply(buffer, at);
      log.append(buffer, at, at + readLength(buffer, at));
    }
  });
  return result;
}

function hasFlush(records: Buffer): boolean {
  const kinds = new Set<number>();
  forEachEffect(records, 0, records.length, (buffer, at) => kinds.add(buffer[at]!));
  return kinds.has(RecordKind.flush);
}

function mergeKey(
  parts: MergeParts,
  ours: Stretch,
  buffer: Buffer,
  at: number,
  change: Change,
  result: { taken: number; discarded: number },
): void {
  const { content, log, discardAll } = parts;
  const { kind, timeMs } = change;
  const key = keyOf(buffer, at);
  const mine = ours.changes.get(key) ?? ours.flush;
  if (!discardAll && (mine === undefined || isNewer(change, mine) || isGreater(parts, ours, key, buffer, at))) {
    result.taken++;
    take(parts, buffer, at, change);
    return;
  }
  const bytes = Buffer.from(key, "latin1");
  // The same change, that came another way before, is not given up.
  if (mine === undefined || discardAll || isNewer(mine, change)) {
    result.discarded++;
    const value = kind === RecordKind.remove ? undefined : Buffer.from(valueOf(buffer, at));
    parts.onDiscarded(bytes, value, timeMs);
  }
  // Where our stretch of the log doesn't say all of the key, the follower has to hear what is here, and since when.
  if (ours.changes.get(key)?.isWhole === true) return;
  const since = mine ?? change;
  if (!content.encodeKey(bytes, log, RecordKind.put, since.timeMs, since.rank)) {
    writeRemove(log, bytes, 0, bytes.length, since.timeMs, since.rank);
  }
}

/**
 * Whether their change of a key, of the same time and rank as ours but another, stays: a removal before an item, else whose
 * expiry, flags and value are greater as bytes.
 */
function isGreater({ content }: MergeParts, ours: Stretch, key: string, buffer: Buffer, at: number): boolean {
  const mine = ours.changes.get(key);
  const change = changeAt(buffer, at);
  if (mine === undefined || isNewer(mine, change)) return false;
  const scratch = new Scratch(readLength(buffer, at));
  const isHere = content.encodeKey(Buffer.from(key, "latin1"), scratch, RecordKind.put, mine.timeMs, mine.rank);
  // An item that was evicted is no change.
  if (!isHere) return mine.kind !== RecordKind.remove && change.kind !== RecordKind.remove;
  if (change.kind === RecordKind.remove) return true;
  const order = Buffer.compare(buffer.subarray(at + 14, at + 24), scratch.buffer.subarray(14, 24));
  return (order !== 0 ? order : Buffer.compare(valueOf(buffer, at), valueOf(scratch.buffer, 0))) > 0;
}

function take(parts: MergeParts, buffer: Buffer, at: number, { kind, timeMs, rank }: Change): void {
  if (kind === RecordKind.remove) {
    const start = at + keyOffset(kind);
    parts.remove(Buffer.from(buffer.subarray(start, start + buffer[at + 1]!)), timeMs, rank);
  } else {
    parts.content.adopt(buffer, at, parts.log);
  }
}

/** Their flush takes what is older here; what was changed here later is said again behind it. */
function takeFlush(content: Content, log: EffectLog, ours: Stretch, flush: Change): void {
  noteFlush(ours, flush);
  const scratch = new Scratch(64 * 1024);
  writeStretch(scratch, ours, content);
  forEachEffect(scratch.buffer, 0, scratch.at, (buffer, at) => {
    content.apply(buffer, at);
    log.append(buffer, at, at + readLength(buffer, at));
  });
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

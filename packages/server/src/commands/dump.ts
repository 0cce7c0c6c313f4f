// Walks over all items: lru_crawler metadump and mgdump, stats cachedump and stats sizes. A walk goes in slices, sends
// what it has between them, and gives way to other sessions; the request is called again where it stopped.

import { encodeBase64, Lines, type TextRequest } from "@marugoto/protocol";
import type { ServerCore } from "../server-core.ts";
import type { Session } from "../session.ts";

/** How far a walk has come. Kept by the session between two calls of the same request. */
export interface Walk {
  cursor: number;
  /** Rows written, for a limit. */
  rows: number;
  /** Bytes written, for a limit. */
  bytes: number;
  /** A visit has said that no more is wanted. */
  isFull: boolean;
  /** For `stats sizes`: items per 32 bytes of size. */
  readonly sizes: Map<number, number>;
}

/** Items per slice: at most a few milliseconds. */
const SLICE_ITEMS = 2000;

/** memcached's bound for one `stats cachedump`. */
const CACHEDUMP_BYTES = 2 * 1024 * 1024;

const KEY_BYTES = 256;

/**
 * Goes on with the session's walk, or begins one.
 *
 * @param visit writes an item's row; false ends the walk early
 * @returns the walk once it is through, undefined while the request has to be called again
 */
function walkItems(session: Session, visit: (item: number, walk: Walk) => boolean): Walk | undefined {
  const { store } = session.core;
  session.walk ??= { cursor: 0, rows: 0, bytes: 0, isFull: false, sizes: new Map() };
  const { walk } = session;
  walk.cursor = store.walk(walk.cursor, SLICE_ITEMS, (item) => {
    walk.isFull ||= !visit(item, walk);
  });
  if (walk.cursor === -1 || walk.isFull) {
    session.walk = undefined;
    return walk;
  }
  if (session.sendSome()) session.yieldTurn();
  return undefined;
}

/** lru_crawler metadump all | mgdump all | … hash. Class lists select by virtual class. */
export function executeDump(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const isMgdump = request.text(0) === "mgdump";
  if (!core.options.dumpEnabled) {
    output.line(isMgdump ? Lines.keyDumpNotAllowed : Lines.metadumpNotAllowed);
    return;
  }
  if (session.walk === undefined && output.length > 0) {
    output.line(isMgdump ? Lines.mgdumpPipelined : Lines.metadumpPipelined);
    return;
  }
  const chosen = request.text(1);
  if (!/^(all|hash|\d+(,\d+)*)$/.test(chosen)) {
    output.line(Lines.crawlerBadClass);
    return;
  }
  const classes = /^\d/.test(chosen) ? new Set(chosen.split(",").map(Number)) : undefined;
  const { store } = core;
  const key = Buffer.allocUnsafe(KEY_BYTES);
  const done = walkItems(session, (item) => {
    if (classes !== undefined && !classes.has(store.classOf(item))) return true;
    const end = store.copyKey(item, key, 0);
    output.text(isMgdump ? mgdumpRow(key, end) : metadumpRow(core, item, key, end));
    return true;
  });
  if (done !== undefined) output.text(isMgdump ? "EN\r\n" : "END\r\n");
}

function metadumpRow({ store, clock }: ServerCore, item: number, key: Buffer, end: number): string {
  const expiry = store.expiry(item);
  const cas = (BigInt(store.casHigh(item)) << 32n) | BigInt(store.casLow(item));
  // Rows end with LF alone, as memcached's do.
  return (
    `key=${uriEncode(key, end)} exp=${expiry === 0 ? -1 : expiry + clock.startedAtUnix}` +
    ` la=${store.lastAccess(item) + clock.startedAtUnix} cas=${cas} fetch=${store.wasFetched(item) ? "yes" : "no"}` +
    ` cls=${store.classOf(item)} size=${store.requestedBytesOf(item)} flags=${store.flags(item)}\n`
  );
}

/** A line that can be sent back as a request: `mg key`, in base64 where the key is no text. */
function mgdumpRow(key: Buffer, end: number): string {
  for (let i = 0; i < end; i++) {
    const byte = key[i]!;
    if (byte <= 0x20 || byte >= 0x7f) {
      const encoded = Buffer.allocUnsafe(400);
      return `mg ${encoded.toString("latin1", 0, encodeBase64(key, 0, end, encoded, 0))} b\r\n`;
    }
  }
  return `mg ${key.toString("latin1", 0, end)}\r\n`;
}

function uriEncode(key: Buffer, end: number): string {
  let text = "";
  for (let i = 0; i < end; i++) {
    const byte = key[i]!;
    const letter = String.fromCharCode(byte);
    text += /[A-Za-z0-9\-._~]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** stats cachedump <class> <limit>. Keys that are no text are left out. */
export function executeCachedump(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const { store, clock } = core;
  if (!core.options.dumpEnabled) {
    output.line(Lines.statsCachedumpNotAllowed);
    return;
  }
  if (request.argCount < 3) {
    output.line(Lines.badLine);
    return;
  }
  const id = request.argUint32(1);
  const limit = request.argUint32(2);
  if (id === undefined || limit === undefined) {
    output.line(Lines.badFormat);
    return;
  }
  if (id >= 64) {
    output.line(Lines.illegalSlabId);
    return;
  }
  const key = Buffer.allocUnsafe(KEY_BYTES);
  const done = walkItems(session, (item, walk) => {
    if (store.classOf(item) !== id) return true;
    const end = store.copyKey(item, key, 0);
    if (!isText(key, end)) return true;
    const expiry = store.expiry(item);
    const until = expiry === 0 ? 0 : expiry + clock.startedAtUnix;
    const row = `ITEM ${key.toString("latin1", 0, end)} [${store.valueBytes(item)} b; ${until} s]\r\n`;
    if (walk.bytes + row.length + 6 > CACHEDUMP_BYTES) return false;
    walk.bytes += row.length;
    walk.rows++;
    output.text(row);
    return limit === 0 || walk.rows < limit;
  });
  if (done !== undefined) output.line(Lines.end);
}

function isText(key: Buffer, end: number): boolean {
  for (let i = 0; i < end; i++) if (key[i]! <= 0x20 || key[i] === 0x7f) return false;
  return true;
}

/** stats sizes: items per 32 bytes of memcached's item size. */
export function executeSizes(session: Session): void {
  const { core, output } = session;
  if (!core.options.trackSizes) {
    output.text("STAT sizes_status disabled\r\nEND\r\n");
    return;
  }
  const { store } = core;
  const done = walkItems(session, (item, walk) => {
    const size = Math.ceil(store.requestedBytesOf(item) / 32) * 32;
    walk.sizes.set(size, (walk.sizes.get(size) ?? 0) + 1);
    return true;
  });
  if (done === undefined) return;
  for (const [size, items] of [...done.sizes].sort(([a], [b]) => a - b)) output.text(`STAT ${size} ${items}\r\n`);
  output.line(Lines.end);
}

// What a repcached expects from its peer, written into one growing buffer: whole lines and values, no sockets. The
// bytes are those of repcached 2.3.1, the space behind `flush_all` included.

import { writeBytes, writeInt32, writeText, writeUint32 } from "@marugoto/protocol";
import type { Store } from "@marugoto/storage";

/** Room for `rep`, a key, four numbers, the spaces and both line ends. */
const MAX_HEAD_BYTES = 320;

/** A buffer that grew beyond this for a large value is given up once it is taken. */
const KEPT_ROOM_BYTES = 256 * 1024;

const FIRST_ROOM_BYTES = 16 * 1024;

/** repcached reads an exptime into 32 bits with a sign: a later second would be one before 1970. */
const LAST_EXPTIME = 0x7fff_ffff;

export class RecordWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_ROOM_BYTES);
  #at = 0;

  /** Bytes written and not taken. */
  get length(): number {
    return this.#at;
  }

  /**
   * The whole state of an item: `rep <key> <flags> <exptime> <bytes> <cas>` and its value. Of the cas number the lower
   * 32 bits are sent: more a repcached can't pass on.
   *
   * @param item handle in `store`
   * @param startedAtUnix Unix time, in seconds, of second 0 of the store's clock
   */
  rep(store: Store, item: number, startedAtUnix: number): void {
    const valueBytes = store.valueBytes(item);
    const buffer = this.#reserve(MAX_HEAD_BYTES + valueBytes);
    const expiry = store.expiry(item);
    let at = writeText(buffer, this.#at, "rep ");
    at = store.copyKey(item, buffer, at);
    at = writeText(buffer, at, " ");
    at = writeUint32(buffer, at, store.flags(item));
    at = writeText(buffer, at, " ");
    at = writeUint32(buffer, at, expiry === 0 ? 0 : Math.min(expiry + startedAtUnix, LAST_EXPTIME));
    at = writeText(buffer, at, " ");
    at = writeUint32(buffer, at, valueBytes);
    at = writeText(buffer, at, " ");
    at = writeUint32(buffer, at, store.casLow(item));
    at = writeText(buffer, at, "\r\n");
    at = store.copyValue(item, buffer, at);
    this.#at = writeText(buffer, at, "\r\n");
  }

  /** `delete <key>`. */
  delete(key: Buffer, keyStart: number, keyEnd: number): void {
    const buffer = this.#reserve(MAX_HEAD_BYTES);
    let at = writeText(buffer, this.#at, "delete ");
    at = writeBytes(buffer, at, key, keyStart, keyEnd);
    this.#at = writeText(buffer, at, "\r\n");
  }

  /** `flush_all`, at once or at a Unix time in seconds. */
  flush(atUnix?: number): void {
    const buffer = this.#reserve(MAX_HEAD_BYTES);
    let at = writeText(buffer, this.#at, "flush_all ");
    if (atUnix !== undefined) at = writeInt32(buffer, at, atUnix);
    this.#at = writeText(buffer, at, "\r\n");
  }

  /** `marugoto_end`. */
  copyEnd(): void {
    const buffer = this.#reserve(MAX_HEAD_BYTES);
    this.#at = writeText(buffer, this.#at, "marugoto_end\r\n");
  }

  /** Forgets what is written and not taken. */
  clear(): void {
    this.#at = 0;
  }

  /** What was written and not taken; `taken` has to follow before more is written. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** Begins anew. `isFree`: nobody reads `bytes` any more, so that the room can be used again. */
  taken(isFree: boolean): void {
    this.#at = 0;
    if (!isFree || this.#buffer.length > KEPT_ROOM_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_ROOM_BYTES);
  }

  #reserve(bytes: number): Buffer {
    const needed = this.#at + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#at);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

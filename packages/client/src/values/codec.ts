// What stands between a caller's value and the flags and bytes that travel. A codec knows nothing of keys, servers or
// protocols. The pool calls it once per value, on the thread of the call.

/** A value as it travels. */
export interface EncodedValue {
  /** Client flags, unsigned 32 bit. */
  readonly flags: number;
  /** The data block without its CRLF. Must not be changed before the call that sends it has settled. */
  readonly bytes: Uint8Array;
}

/** Turns values into flags and bytes, and back. */
export interface ValueCodec {
  /**
   * Short strings may skip `encode` and `decode`: UTF-8 with these flags is exactly what `encode` makes of a string of
   * fewer than `below` UTF-16 units, and what `decode` reads as text. Leave it out when that does not hold.
   */
  readonly plainText?: { readonly flags: number; readonly below: number };

  /**
   * @throws CacheError `value_invalid` for a value that has no form here; the message names its type
   */
  encode(value: unknown): EncodedValue;

  /**
   * @param flags client flags as stored, unsigned 32 bit
   * @param bytes the data block; memory of its own, free to keep
   * @throws CacheError `value_undecodable` when the bytes are not what the flags say, or the format is not installed; the
   *   message names the format
   */
  decode(flags: number, bytes: Buffer): unknown;
}

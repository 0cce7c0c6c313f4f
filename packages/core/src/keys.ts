// What a key may be. The server checks only the length; clients also refuse bytes that would end or split a command.

import { CacheError } from "./errors.ts";
import { MAX_KEY_BYTES } from "./limits.ts";

/**
 * True when `bytes[start, end)` may travel as a key of the text protocol: 1 to 250 bytes, none of them a space, a
 * control character or DEL.
 */
export function isTextKey(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < 1 || length > MAX_KEY_BYTES) return false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte <= 0x20 || byte === 0x7f) return false;
  }
  return true;
}

/** Throws `key_too_long` or `key_invalid`, with the numbers, when `isTextKey` would say no. */
export function checkTextKey(bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length > MAX_KEY_BYTES) throw new CacheError("key_too_long", `key is ${length} bytes, at most ${MAX_KEY_BYTES}`);
  if (length < 1) throw new CacheError("key_invalid", `key is empty, at least 1 byte`);
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte <= 0x20 || byte === 0x7f) {
      const hex = byte.toString(16).padStart(2, "0");
      throw new CacheError(
        "key_invalid",
        `key has byte 0x${hex} at ${i - start}; spaces and control characters end a key`,
      );
    }
  }
}

// From a caller's key to the bytes that travel and the bytes that are hashed. Encodes one key at a time into one buffer;
// what it holds is good until the next call.

import { createHash } from "node:crypto";
import { CacheError, checkTextKey, MAX_KEY_BYTES } from "@marugoto/core";

/** A key: text (sent as UTF-8) or bytes. */
export type Key = string | Uint8Array;

/**
 * What becomes of keys that can't travel as text: longer than 250 bytes, or with spaces or control characters.
 *
 * - `reject`: the call fails with `key_too_long` or `key_invalid`.
 * - `hash`: such a key travels as the first bytes of it that may travel and a SHA-256 in base64url.
 * - `base64`: such a key travels in base64 with meta flag b; up to 186 bytes, and servers without meta refuse it.
 */
export type KeyPolicy = "reject" | "hash" | "base64";

/** Most binary bytes that flag b can carry. */
const MAX_BINARY_KEY_BYTES = 186;

/** Letters of a SHA-256 in base64url. */
const DIGEST_LETTERS = 43;

/** How one program writes its keys. */
export interface KeyRules {
  readonly policy: KeyPolicy;
  /** Goes before every key: no spaces and control characters. See `toPrefix`. */
  readonly prefix: Buffer;
  /** Is the prefix hashed, too, when the server is chosen? */
  readonly hashPrefix: boolean;
  /** Present: replaces `policy`, e.g. as pecl-memcache does. Writes at most 250 bytes to `target`; 0 = refused. */
  readonly normalise?: (key: Uint8Array, start: number, end: number, target: Uint8Array) => number;
}

/**
 * The bytes of a prefix, which go before every key as they are, whatever the policy.
 *
 * @throws CacheError `invalid_option` for a prefix that would end or split a command
 */
export function toPrefix(prefix: string): Buffer {
  const bytes = Buffer.from(prefix, "utf8");
  const bad = bytes.find((byte) => byte <= 0x20 || byte === 0x7f);
  if (bad !== undefined) {
    const hex = bad.toString(16).padStart(2, "0");
    throw new CacheError("invalid_option", `prefix has byte 0x${hex}; spaces and control characters end a key`);
  }
  if (/\p{Surrogate}/u.test(prefix)) {
    throw new CacheError("invalid_option", "prefix has a lone surrogate: it is no Unicode text");
  }
  return bytes;
}

/** Bytes as they are now: a call may be written later, or once more, and the caller's memory may hold another key then. */
export function ownKey(key: Key): Key {
  if (typeof key === "string") return key;
  return key instanceof Uint8Array ? Uint8Array.prototype.slice.call(key) : key;
}

/** The current key. */
export class KeyEncoder {
  /** The key as it travels (before base64, when `binary`): `[0, end)`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(1024);
  end = 0;
  /** Where the hashed part begins. */
  hashStart = 0;
  /** Must travel in base64. */
  binary = false;
  /** Of printable ASCII alone, and not too long. False: it may still be a key that travels as it is. */
  plain = false;

  /** @throws CacheError `key_too_long`, `key_invalid` */
  encode(key: Key, rules: KeyRules): void {
    const prefix = rules.prefix;
    let at = 0;
    if (prefix.length > 0) {
      for (; at < prefix.length; at++) this.bytes[at] = prefix[at]!;
    }
    this.hashStart = rules.hashPrefix ? 0 : at;
    this.binary = this.plain = false;
    if (typeof key === "string" && key.length > 0 && at + key.length <= MAX_KEY_BYTES) {
      const bytes = this.bytes;
      const length = key.length;
      let i = 0;
      for (; i < length; i++) {
        const unit = key.charCodeAt(i);
        if (unit <= 0x20 || unit >= 0x7f) break;
        bytes[at + i] = unit;
      }
      if (i === length) {
        this.end = at + length;
        this.plain = true;
        return;
      }
    }
    this.#encodeUnusual(key, at, rules);
  }

  #encodeUnusual(key: unknown, at: number, rules: KeyRules): void {
    if (typeof key !== "string" && !(key instanceof Uint8Array)) {
      throw new TypeError(`a key is a string or a Uint8Array, not ${key === null ? "null" : typeof key}`);
    }
    const raw = typeof key === "string" ? Buffer.from(key, "utf8") : key;
    if (at + raw.length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(at + raw.length);
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    this.bytes.set(raw, at);
    const end = (this.end = at + raw.length);
    if (rules.normalise) {
      const whole = Buffer.from(this.bytes.subarray(0, end));
      this.end = raw.length === 0 ? 0 : rules.normalise(whole, 0, end, this.bytes);
      if (this.end === 0) throw new CacheError("key_invalid", "key is empty, at least 1 byte");
      return;
    }
    if (raw.length === 0) throw new CacheError("key_invalid", "key is empty, at least 1 byte");
    if (typeof key === "string" && /\p{Surrogate}/u.test(key)) {
      throw new CacheError("key_invalid", "key has a lone surrogate: it is no Unicode text and would lose its meaning");
    }
    const fault = textFault(this.bytes, end);
    if (fault === null) return;
    if (rules.policy === "reject") throw fault;
    if (rules.policy === "base64") {
      if (end > MAX_BINARY_KEY_BYTES) {
        throw new CacheError("key_too_long", `key is ${end} bytes, at most ${MAX_BINARY_KEY_BYTES} in base64`);
      }
      this.binary = true;
      return;
    }
    this.#shorten(at, end);
  }

  /** Replaces the key behind the prefix by its readable beginning, a `#` and the SHA-256 of all of it. */
  #shorten(at: number, end: number): void {
    const room = MAX_KEY_BYTES - DIGEST_LETTERS - 1;
    if (at > room) throw new CacheError("key_too_long", `prefix is ${at} bytes, at most ${room} when keys are hashed`);
    const digest = createHash("sha256").update(this.bytes.subarray(at, end)).digest("base64url");
    let i = at;
    const limit = Math.min(end, room, at + 64);
    while (i < limit && this.bytes[i]! > 0x20 && this.bytes[i]! < 0x7f) i++;
    this.bytes[i] = 0x23;
    this.end = i + 1 + this.bytes.write(digest, i + 1, "latin1");
  }
}

function textFault(bytes: Uint8Array, end: number): CacheError | null {
  try {
    checkTextKey(bytes, 0, end);
    return null;
  } catch (error) {
    return error as CacheError;
  }
}

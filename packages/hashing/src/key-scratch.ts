// The string door: a key as text becomes bytes in one buffer that is used again for the next key.

/** Encodes one key at a time. What it holds is good until the next call. */
export class KeyScratch {
  /** UTF-8 of the last key, from offset 0. Replaced by a larger one when a key needs it. */
  bytes = Buffer.allocUnsafeSlow(1024);

  /** Encodes `key` as UTF-8 (a lone surrogate as U+FFFD); returns where it ends in `bytes`. */
  encode(key: string): number {
    if (key.length * 3 > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(key.length * 3);
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) return this.bytes.write(key, 0, "utf8");
      this.bytes[i] = unit;
    }
    return key.length;
  }
}

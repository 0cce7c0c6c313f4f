// Requests written out ahead of time. A batch is the bytes of one write; only the digits of its keys change from one
// sending to the next, which keeps the generator's own work per request near ten nanoseconds.

import type { Random } from "../measure/random.ts";
import type { LoadSpec } from "./spec.ts";

/** Every key is `key:` and twelve digits. */
export const KEY_BYTES = 16;
/** Largest key space: the digits that are rewritten are the last eight. */
export const MAX_KEYS = 100_000_000;

/** What is asked, and so what may be answered. */
export const Kind = { get: 0, set: 1, metaGet: 2, metaSet: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Batch {
  readonly bytes: Buffer;
  /** Offsets in `bytes` of the last eight digits of each key, in order. */
  readonly digitsAt: Int32Array;
  /** One Kind per request. */
  readonly kinds: Uint8Array;
  /** Per request: bytes of one value in the answer, from its header to the line end behind the data. */
  readonly valueBytes: Int32Array;
  readonly sets: number;
  /** Keys asked for by all gets together. */
  readonly asked: number;
}

// With a mix of gets and sets, this many batches with a drawn composition take turns at random.
const VARIANTS = 64;

/** The key with a number, as it is sent. */
export function keyOf(number: number): string {
  return `key:${number.toString().padStart(12, "0")}`;
}

/** Data that never contains a line end, so that an answer out of step is noticed. */
export function valueData(bytes: number): Buffer {
  return Buffer.alloc(bytes, "abcdefghijklmnopqrstuvwxyz012345");
}

/** The batches that carry a spec out: one, or several with a random composition where gets and sets are mixed. */
export function createBatches(spec: LoadSpec, random: Random): Batch[] {
  const setShare = spec.fill ? 1 : spec.setPercent / 100;
  const mixed = setShare > 0 && setShare < 1;
  return Array.from({ length: mixed ? VARIANTS : 1 }, () => {
    const isSet = Array.from({ length: spec.depth }, () => random.unit() < setShare);
    return createBatch(spec, isSet);
  });
}

function createBatch(spec: LoadSpec, isSet: readonly boolean[]): Batch {
  const meta = spec.dialect === "meta";
  const value = valueData(spec.valueBytes);
  const key = keyOf(0);
  const parts: Buffer[] = [];
  const digitsAt: number[] = [];
  let length = 0;
  const add = (part: string | Buffer): void => {
    const bytes = typeof part === "string" ? Buffer.from(part, "latin1") : part;
    parts.push(bytes);
    length += bytes.length;
  };
  const addKey = (): void => {
    digitsAt.push(length + KEY_BYTES - 8);
    add(key);
  };
  for (const set of isSet) {
    if (set) {
      add(meta ? "ms " : "set ");
      addKey();
      add(meta ? ` ${spec.valueBytes}\r\n` : ` 0 0 ${spec.valueBytes}\r\n`);
      add(value);
    } else {
      add(meta ? "mg" : "get");
      for (let i = 0; i < spec.keysPerGet; i++) {
        add(" ");
        addKey();
      }
      if (meta) add(" v");
    }
    add("\r\n");
  }
  const sets = isSet.filter(Boolean).length;
  const header = meta ? `VA ${spec.valueBytes}\r\n` : `VALUE ${key} 0 ${spec.valueBytes}\r\n`;
  const kinds = isSet.map((set) => (meta ? (set ? Kind.metaSet : Kind.metaGet) : set ? Kind.set : Kind.get));
  return {
    bytes: Buffer.concat(parts),
    digitsAt: Int32Array.from(digitsAt),
    kinds: Uint8Array.from(kinds),
    valueBytes: new Int32Array(isSet.length).fill(header.length + spec.valueBytes + 2),
    sets,
    asked: (isSet.length - sets) * spec.keysPerGet,
  };
}

// The four digits of 0 … 9999, one byte each.
const fourDigits = Buffer.from(
  Array.from({ length: 10_000 }, (_, i) => i.toString().padStart(4, "0")).join(""),
  "latin1",
);

/** Writes the last eight digits of a key; `number` is below MAX_KEYS. */
export function writeDigits(bytes: Buffer, at: number, number: number): void {
  const high = (number / 10_000) | 0;
  const a = high * 4;
  const b = (number - high * 10_000) * 4;
  bytes[at] = fourDigits[a]!;
  bytes[at + 1] = fourDigits[a + 1]!;
  bytes[at + 2] = fourDigits[a + 2]!;
  bytes[at + 3] = fourDigits[a + 3]!;
  bytes[at + 4] = fourDigits[b]!;
  bytes[at + 5] = fourDigits[b + 1]!;
  bytes[at + 6] = fourDigits[b + 2]!;
  bytes[at + 7] = fourDigits[b + 3]!;
}

// Random values of every kind the PHP codecs write, from a seed that can be given again.

import { freshSeed, seededRandom, type Random } from "@marugoto/testing";
import { PhpFloat, PhpObject, type PhpKey } from "../../src/values/php-types.ts";

/** A fresh stream, or the one of MARUGOTO_SEED; says which. */
export function startRandom(what: string): Random {
  const random = seededRandom(Number(process.env.MARUGOTO_SEED ?? freshSeed()));
  console.log(`${what}: MARUGOTO_SEED=${random.seed}`);
  return random;
}

const texts = [
  "",
  "0",
  "7",
  "-3",
  "007",
  "text",
  "l'été",
  "键",
  'a"b;c:{}',
  "\0*\0x",
  "😀",
  "__proto__",
  "-0",
  "a/b\\c\r\n\t",
];
const ints = [0, 1, -1, 255, 65536, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const floats = [-0, 0.1, 1e17, 1e25, 1e-5, 0.0001, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 2 ** 53];

function randomFloat(random: Random): number | PhpFloat {
  switch (random.int(5)) {
    case 0:
      return random.pick(floats);
    case 1:
      return new PhpFloat(random.between(-1000, 1000));
    case 2:
      return random.int(2 ** 32) / 1000;
    case 3:
      // A tie of 14 digits, which class Memcache keeps.
      return random.between(1, 9) * 1e13 + random.int(2 ** 32) + 0.5;
    default:
      return random.bytes(8).readDoubleLE();
  }
}

/** Text or bytes of a length around the thresholds: runs, words, noise, near and far repetitions. */
export function longBytes(random: Random): Buffer {
  const length = random.pick([1999, 2000, 2001, 4000, 19_999, 20_000, 65_535, 65_536, 70_000, 150_000]) + random.int(3);
  const parts: Buffer[] = [];
  const words = ["alpha", " ", "beta\n", "ключ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\0\0\0\0"].map((word) =>
    Buffer.from(word),
  );
  const noise = random.pick([0, 0.1, 0.5, 1]);
  let total = 0;
  while (total < length) {
    const earlier = parts.length > 0 && random.chance(0.1) ? parts[random.int(parts.length)] : undefined;
    const part = earlier ?? (random.chance(noise) ? random.bytes(random.between(1, 40)) : random.pick(words));
    parts.push(random.chance(0.02) ? Buffer.concat([part, part, part, part]) : part);
    total += parts.at(-1)?.length ?? 0;
  }
  return Buffer.concat(parts).subarray(0, length);
}

function randomText(random: Random): string {
  return random.pick(texts) + (random.chance(1 / 3) ? String(random.int(2 ** 31)) : "");
}

/** As read with `exact`: what is written must come back equal. `json` leaves out what JSON cannot say. */
export function randomValue(random: Random, json: boolean, depth = 0): unknown {
  switch (random.int(depth > 4 ? 6 : 10)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(ints);
    case 3: {
      const float = randomFloat(random);
      return json && (float instanceof PhpFloat || !Number.isFinite(float)) ? 0.5 : float;
    }
    case 4:
      return json || random.chance(0.7) ? randomText(random) : Buffer.from([0xff, ...random.bytes(random.int(9))]);
    case 5:
      return randomText(random);
    case 6:
    case 7:
      return Array.from({ length: random.int(6) }, () => randomValue(random, json, depth + 1));
    case 8:
      return randomMap(random, json, depth);
    default: {
      if (json) return randomMap(random, json, depth);
      const object = new PhpObject("stdClass");
      for (let i = random.int(5); i > 0; i--) {
        object.properties.set(`p${random.int(99)}`, randomValue(random, json, depth + 1));
      }
      return random.chance(1 / 4) ? [object, new Map<PhpKey, unknown>([["again", object]])] : object;
    }
  }
}

function randomMap(random: Random, json: boolean, depth: number): Map<PhpKey, unknown> {
  // Its first key makes it no list.
  const map = new Map<PhpKey, unknown>([["first", 1]]);
  for (let i = random.int(5); i > 0; i--) {
    const text = randomText(random);
    const isInt = /^(?:0|-?[1-9]\d*)$/.test(text);
    map.set(
      !json && (isInt || random.chance(0.3)) ? random.between(-5, 1000) : `k${text}`,
      randomValue(random, json, depth + 1),
    );
  }
  return map;
}

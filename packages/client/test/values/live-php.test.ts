// Values through a real memcached: written here and read by PHP's classes, which write them back; and written by PHP.
// PHP's own serialize() of what it got or wrote is the measure.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { Cleanup, connect, spawnMemcached, useOracle, type TestConnection } from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EncodedValue, ValueCodec } from "../../src/values/codec.ts";
import { NODE_BIGINT, NODE_BYTES, nodeValues } from "../../src/values/node.ts";
import { phpMemcacheValues } from "../../src/values/php-memcache.ts";
import { phpMemcachedValues } from "../../src/values/php-memcached.ts";
import { resolvePhpValueOptions } from "../../src/values/php-options.ts";
import { phpSerialize } from "../../src/values/php-serialize.ts";
import { PhpObject } from "../../src/values/php-types.ts";
import { phpUnserialize } from "../../src/values/php-unserialize.ts";
import { exact } from "./golden.ts";
import { longBytes, randomValue, startRandom } from "./random-values.ts";

const what = "values beside PHP's own clients";
const php = useOracle("php", what);
const memcached = useOracle("memcached", what);
const script = fileURLToPath(new URL("../php/values.php", import.meta.url));
const COUNT = 200;

interface Setting {
  class: "Memcache" | "Memcached";
  options: Record<string, unknown>;
  codec: ValueCodec;
  /** What PHP reads cannot be told from JSON in all its types. */
  json?: boolean;
}

const settings: Setting[] = [
  { class: "Memcache", options: {}, codec: phpMemcacheValues(exact) },
  { class: "Memcached", options: {}, codec: phpMemcachedValues(exact) },
  {
    class: "Memcached",
    options: { OPT_COMPRESSION_TYPE: 1, OPT_USER_FLAGS: 9 },
    codec: phpMemcachedValues({ ...exact, compressionType: "zlib", userFlags: 9 }),
  },
  {
    class: "Memcached",
    options: { OPT_SERIALIZER: 4 },
    codec: phpMemcachedValues({ ...exact, serializer: "json_array" }),
    json: true,
  },
];

const serialized = (value: unknown) => phpSerialize(value, resolvePhpValueOptions(exact)).toString("base64");

describe.skipIf(php.isMissing || memcached.isMissing)(memcached.isMissing ? memcached.title : php.title, () => {
  const opened = new Cleanup();
  let port: number;
  let connection: TestConnection;

  beforeAll(async () => {
    ({ port } = opened.add(await spawnMemcached({ args: ["-m", "256", "-I", "8m"] })));
    connection = opened.add(await connect(port));
  });
  afterAll(() => opened.run());

  async function put(key: string, { flags, bytes }: EncodedValue): Promise<void> {
    connection.send(`set ${key} ${flags} 0 ${bytes.length}\r\n`);
    connection.send(bytes);
    expect(await connection.ask("")).toBe("STORED");
  }

  async function take(key: string): Promise<EncodedValue> {
    const line = await connection.ask(`get ${key}`);
    const [, flags, length] = /^VALUE \S+ (\d+) (\d+)$/.exec(line) ?? [];
    if (flags === undefined) throw new Error(`${key}: ${line}`);
    const bytes = (await connection.read(Number(length) + 2)).subarray(0, Number(length));
    expect(await connection.readLine()).toBe("END");
    return { flags: Number(flags), bytes: Buffer.from(bytes) };
  }

  function askPhp(setting: Setting, job: object): string[] {
    const { class: name, options } = setting;
    const input = JSON.stringify({ class: name, options, port, ...job });
    const { stdout, stderr, status, error } = spawnSync(php.path, [script], {
      input,
      encoding: "utf8",
      timeout: 60_000,
      maxBuffer: 256 * 1024 * 1024,
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`php ended with ${String(status)}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as string[];
  }

  /** Equal, or equal once the zlib streams are unpacked: another zlib packs into other bytes. */
  function expectSame(ours: EncodedValue, theirs: EncodedValue, setting: Setting, context: string): boolean {
    if (ours.flags === theirs.flags && Buffer.from(ours.bytes).equals(theirs.bytes)) return true;
    const header = setting.class === "Memcache" ? 0 : 4;
    const isZlib = (flags: number) => (setting.class === "Memcache" ? (flags & 2) !== 0 : (flags & 0x20) !== 0);
    expect(isZlib(ours.flags) || isZlib(theirs.flags), `${context}: other bytes, and not those of zlib`).toBe(true);
    const unpack = ({ flags, bytes }: EncodedValue) => (isZlib(flags) ? inflateSync(bytes.subarray(header)) : bytes);
    expect(Buffer.from(unpack(ours)).equals(unpack(theirs)), `${context}: content`).toBe(true);
    return false;
  }

  test("what a Node pool stores is read by class Memcached, and its text and bytes by class Memcache", async () => {
    const codec = nodeValues({ compressionThreshold: 100 });
    const noise = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
    const rows: [string, unknown, string, number?][] = [
      ["text", "Grüße", 's:7:"Grüße";'],
      ["bytes", noise, `s:4:"${noise.toString("latin1")}";`, NODE_BYTES],
      ["int", 42, "i:42;"],
      ["float", 0.1, "d:0.1;"],
      ["bool", false, "b:0;"],
      ["null", null, "N;"],
      ["list", [1, "two"], 'a:2:{i:0;i:1;i:1;s:3:"two";}'],
      ["object", { id: 7 }, 'O:8:"stdClass":1:{s:2:"id";i:7;}'],
      ["bigint", 2n ** 62n, "i:4611686018427387904;", NODE_BIGINT | 1],
      ["wide", 2n ** 70n, 's:22:"1180591620717411303424";', NODE_BIGINT],
      ["long", "x".repeat(500), `s:500:"${"x".repeat(500)}";`, 0x30],
    ];
    for (const [key, value, , flags] of rows) {
      const encoded = codec.encode(value);
      if (flags !== undefined) expect(encoded.flags, key).toBe(flags);
      await put(key, encoded);
      expect(codec.decode(encoded.flags, encoded.bytes), key).toEqual(value);
    }
    const ask = (name: "Memcache" | "Memcached", keys: string[]) =>
      askPhp({ class: name, options: {}, codec }, { echo: keys }).map((answer) => Buffer.from(answer, "base64"));
    const expected = rows.map(([key, , text]) => Buffer.from(text, key === "bytes" ? "latin1" : "utf8"));
    const all = rows.map(([key]) => key);
    expect(ask("Memcached", all).map(String)).toEqual(expected.map(String));
    expect(ask("Memcached", ["bytes"])).toEqual([expected[1]]);
    expect(ask("Memcache", ["text", "bytes", "wide"])).toEqual([expected[0], expected[1], expected[9]]);
  });

  test("PHP reads the deepest and the oddest that is written", async () => {
    const nested = (depth: number, inner: unknown): unknown => (depth === 0 ? inner : [nested(depth - 1, inner)]);
    const object = new PhpObject("stdClass", [
      ["", 1],
      ["7", "seven"],
      ["\0*\0x", 2],
      ["\0Some\\Class\0y", 3],
      ["__proto__", null],
    ]);
    const values = [nested(1024, null), object, new PhpObject("No\\Such\\Class", { id: 7 }), [object, object]];
    for (const [name, codec] of [
      ["Memcache", phpMemcacheValues({ ...exact, maxDepth: 1024 })],
      ["Memcached", phpMemcachedValues({ ...exact, maxDepth: 1024 })],
    ] as const) {
      for (const [i, value] of values.entries()) await put(`odd${i}`, codec.encode(value));
      const answers = askPhp({ class: name, options: {}, codec }, { echo: values.map((_, i) => `odd${i}`) });
      const ours = values.map((value) => phpSerialize(value, resolvePhpValueOptions({ ...exact, maxDepth: 1024 })));
      expect(answers.map((answer) => Buffer.from(answer, "base64").toString("latin1"))).toEqual(
        ours.map((bytes) => bytes.toString("latin1")),
      );
    }
    const json = phpMemcachedValues({ ...exact, serializer: "json_array" });
    await put("deep", json.encode(nested(511, 1)));
    const [answer] = askPhp({ class: "Memcached", options: { OPT_SERIALIZER: 4 }, codec: json }, { echo: ["deep"] });
    expect(answer).toBe(serialized(nested(511, 1)));
  });

  describe.each(settings)("$class $options", (setting) => {
    const { codec, json = false } = setting;

    test(
      `${COUNT} values written here are read by PHP, and written back as we would`,
      { timeout: 120_000 },
      async () => {
        const random = startRandom("written here");
        const keys: string[] = [];
        const read: unknown[] = [];
        for (let i = 0; i < COUNT; i++) {
          const value = i % 4 === 3 ? longBytes(random) : i % 16 === 2 ? Array(900).fill(i) : randomValue(random, json);
          const encoded = codec.encode(value);
          await put(`k${i}`, encoded);
          keys.push(`k${i}`);
          const decoded = codec.decode(encoded.flags, encoded.bytes);
          // Class Memcache gives false for a stored null.
          read.push(setting.class === "Memcache" && decoded === null ? false : decoded);
        }
        const answers = askPhp(setting, { echo: keys });
        let otherZlib = 0;
        for (const [i, key] of keys.entries()) {
          expect(answers[i], `${key}: what PHP read`).toBe(serialized(read[i]));
          if (!expectSame(codec.encode(read[i]), await take(`${key}:back`), setting, key)) otherZlib++;
        }
        console.log(`${keys.length} values; zlib's bytes differ in ${otherZlib}`);
      },
    );

    test(
      `${COUNT} values written by PHP are read here, and written back as PHP did`,
      { timeout: 120_000 },
      async () => {
        const { seed } = startRandom("written by PHP");
        const answers = askPhp(setting, { write: COUNT, seed: seed & 0x7fffffff });
        expect(answers).toHaveLength(COUNT);
        let otherZlib = 0;
        for (const [i, answer] of answers.entries()) {
          const stored = await take(`w${i}`);
          const value = codec.decode(stored.flags, stored.bytes);
          // JSON has lost that a float was one; class Memcache has lost digits of a bare float.
          const isFloat = (stored.flags & 0xf00) === 0x700 && setting.class === "Memcache";
          if (!json && !isFloat) expect(serialized(value), `w${i}`).toBe(answer);
          // Written back: the value before class Memcache cut its digits, or JSON forgot that it was a float.
          const original = phpUnserialize(Buffer.from(answer, "base64"), resolvePhpValueOptions(exact));
          if (!expectSame(codec.encode(original), stored, setting, `w${i}`)) otherZlib++;
        }
        console.log(`${answers.length} values; zlib's bytes differ in ${otherZlib}`);
      },
    );
  });
});

// What the real extensions stored for each value, read and written.

import { isCacheError } from "@marugoto/core";
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { EncodedValue, ValueCodec } from "../../src/values/codec.ts";
import { MEMCACHE_COMPRESSED, phpMemcacheValues } from "../../src/values/php-memcache.ts";
import { phpMemcachedValues } from "../../src/values/php-memcached.ts";
import { exact, expectDescribed, fromDescription, isForeignGolden, readFamilies, type Described } from "./golden.ts";

interface Family {
  name: string;
  config: Record<string, unknown> | [];
  value: Described;
  stored: boolean;
  flags: number;
  bytes: string;
  readsBackAs?: Described;
}

/** Compares, and says whether the bytes are the same; a zlib stream may differ in bytes, not in content. */
function compare(ours: EncodedValue, family: Family, streamAt: number, isZlib: boolean, what: string): boolean {
  const theirs = Buffer.from(family.bytes, "base64");
  expect(ours.flags, `${what}: flags`).toBe(family.flags);
  if (theirs.equals(ours.bytes)) return true;
  expect(isZlib, `${what}: other bytes, and not those of zlib`).toBe(true);
  const head = (bytes: Uint8Array) => Buffer.from(bytes).subarray(0, streamAt).toString("hex");
  expect(head(ours.bytes), `${what}: header`).toBe(head(theirs));
  const content = (bytes: Uint8Array) => inflateSync(bytes.subarray(streamAt)).toString("base64");
  expect(content(ours.bytes), `${what}: content`).toBe(content(theirs));
  return false;
}

function report(title: string, rows: readonly string[]): void {
  if (rows.length > 0) console.log(`${title}:\n  ${rows.join("\n  ")}`);
}

const title = ({ name, config }: Family) => `${name} ${JSON.stringify(config)}`;

test("pecl-values: class Memcache's values are read and written as PHP does", () => {
  const otherBytes: string[] = [];
  const otherResult: string[] = [];
  for (const family of readFamilies<Family>("pecl-values")) {
    const what = title(family);
    const { setCompressThreshold, flag, ...unknown } = family.config as {
      setCompressThreshold?: number[];
      flag?: number;
    };
    expect(unknown, `${what}: settings this test knows`).toEqual({});
    const [compressThreshold = 20_000, minSavings = 0.2] = setCompressThreshold ?? [];
    const codec = phpMemcacheValues({ ...exact, compressThreshold, minSavings });
    if (!family.stored) {
      expect(() => codec.encode(family.value.text, flag), what).toThrow(/low 16 bits/);
      continue;
    }
    const read = codec.decode(family.flags, Buffer.from(family.bytes, "base64"));
    if (family.value.type === "null") {
      // PHP's get makes false of a stored null, which is also its answer to a miss; here null stays null.
      expect(read, what).toBeNull();
      otherResult.push(what);
    } else {
      expectDescribed(read, family.readsBackAs ?? family.value, what);
    }
    const ours = codec.encode(fromDescription(family.value, read), flag);
    if (!compare(ours, family, 0, (family.flags & MEMCACHE_COMPRESSED) !== 0, what)) otherBytes.push(what);
  }
  report("null is read as null, not as false", otherResult);
  report("zlib of this Node packs the same content into other bytes", otherBytes);
});

const serializers = ["php", "php", "igbinary", "json", "json_array", "msgpack"] as const;

function memcachedCodec(config: Record<string, unknown>): ValueCodec {
  const { OPT_COMPRESSION, OPT_COMPRESSION_TYPE, OPT_SERIALIZER, OPT_USER_FLAGS, ...unknown } = config;
  expect(unknown, "settings this test knows").toEqual({});
  return phpMemcachedValues({
    ...exact,
    compression: (OPT_COMPRESSION ?? true) as boolean,
    compressionType: OPT_COMPRESSION_TYPE === 1 ? "zlib" : "fastlz",
    serializer: serializers[(OPT_SERIALIZER ?? 1) as number] ?? "php",
    userFlags: (OPT_USER_FLAGS ?? 0) as number,
  });
}

test("memcached-values: class Memcached's values are read and written as PHP does", () => {
  const otherBytes: string[] = [];
  const pluggedIn: string[] = [];
  const families = readFamilies<Family>("memcached-values");
  for (const family of families) {
    const what = title(family);
    const bytes = Buffer.from(family.bytes, "base64");
    const config = family.config as Record<string, unknown>;
    const format = ({ 5: "igbinary", 7: "msgpack" } as const)[family.flags & 0xf];
    if (format !== undefined) {
      const needsPlugin = new RegExp(`${format}, which needs a plug-in`);
      expect(() => memcachedCodec(config), what).toThrow(needsPlugin);
      expect(() => phpMemcachedValues().decode(family.flags, bytes), what).toThrow(needsPlugin);
      pluggedIn.push(what);
      continue;
    }
    const codec = memcachedCodec(config);
    if (!family.stored) {
      expect(() => codec.encode(fromDescription(family.value, undefined)), what).toThrow();
      continue;
    }
    const read = codec.decode(family.flags, bytes);
    if ((family.flags & 0xf) === 6) expectJson(read, family, what);
    else expectDescribed(read, family.readsBackAs ?? family.value, what);
    const ours = codec.encode(fromDescription(family.value, read));
    if (!compare(ours, family, 4, (family.flags & 0x30) === 0x30, what)) otherBytes.push(what);
  }
  report("left to a plug-in", pluggedIn);
  report("zlib of this Node packs the same content into other bytes", otherBytes);
  if (!isForeignGolden)
    expect(pluggedIn).toHaveLength(families.filter(({ flags }) => [5, 7].includes(flags & 0xf)).length);
});

/** JSON has one kind of object; PHP makes stdClass or array of it, we make what `arrays` says of both. */
function expectJson(read: unknown, family: Family, what: string): void {
  const { type, ...described } = family.readsBackAs ?? family.value;
  delete described.serialized;
  expectDescribed(read, { ...described, type: type === "null" ? type : "array" }, what);
}

// ---- items that somebody else wrote ----

type Foreign = { name: string; flags: number; bytes: string } & Record<string, Described | string | number>;

/** PHP did not get a value: it said so, or it died. */
function failed(result: Described | string): boolean {
  return (
    typeof result === "string" || result.notices !== undefined || (result.code ?? 0) !== 0 || result.type === "crash"
  );
}

describe("foreign-values", () => {
  test.each([
    ["Memcache", phpMemcacheValues(exact), []],
    [
      "Memcached",
      phpMemcachedValues(exact),
      // PHP takes these for 0, 0.0, false and null without a word.
      [
        "pecl serialized",
        "pecl zlib",
        "pecl zlib serialized",
        "broken json",
        "gzip (RFC 1952) under pecl flag",
        "raw deflate under pecl flag",
      ],
    ],
    [
      "Memcached json_array",
      phpMemcachedValues({ ...exact, serializer: "json_array" }),
      [
        "pecl serialized",
        "pecl zlib",
        "pecl zlib serialized",
        "broken json",
        "gzip (RFC 1952) under pecl flag",
        "raw deflate under pecl flag",
      ],
    ],
  ])("as class %s: PHP's result, or a clear error", (client, codec, misread) => {
    const refusedThoughPhpReads: string[] = [];
    for (const family of readFamilies<Foreign>("foreign-values")) {
      const result = family[client] as Described | string | undefined;
      if (result === undefined) throw new Error(`${family.name}: nothing recorded for ${client}`);
      const what = `${client}: ${family.name}`;
      let read: unknown;
      try {
        read = codec.decode(family.flags, Buffer.from(family.bytes, "base64"));
      } catch (error) {
        expect(["value_undecodable", "value_too_large"], what).toContain(isCacheError(error) ? error.code : error);
        if (!failed(result)) refusedThoughPhpReads.push(family.name);
        continue;
      }
      expect(failed(result), `${what}: PHP fails, we read ${JSON.stringify(read)}`).toBe(false);
      const described = result as Described;
      if ((family.flags & 0xf) === 6 && client !== "Memcache") {
        expectJson(read, { value: described } as Family, what);
      } else {
        expectDescribed(read, described, what);
      }
    }
    if (isForeignGolden) report(`${client}: refused, where PHP silently reads something`, refusedThoughPhpReads);
    else expect(refusedThoughPhpReads).toEqual(misread);
  });
});

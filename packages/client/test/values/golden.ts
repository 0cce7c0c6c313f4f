// Recorded values of PHP's two extensions: the copies in fixtures/golden, or those in the folder that MARUGOTO_GOLDEN
// names (absolute or relative to the repository root). A missing folder or file fails the test that asks for it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { repositoryRoot } from "@marugoto/testing";
import { expect } from "vitest";
import { phpJsonEncode } from "../../src/values/php-json.ts";
import { resolvePhpValueOptions, type PhpValueOptions } from "../../src/values/php-options.ts";
import { phpSerialize } from "../../src/values/php-serialize.ts";
import { PhpFloat, PhpObject } from "../../src/values/php-types.ts";
import { phpUnserialize } from "../../src/values/php-unserialize.ts";

const named = process.env.MARUGOTO_GOLDEN;
const own = join(repositoryRoot, "packages/client/fixtures/golden");

/** True when the data are other than those of the repository, so that only what holds for all data can be asked. */
export const isForeignGolden = named !== undefined && named !== "";
const goldenDirectory = named !== undefined && named !== "" ? resolve(repositoryRoot, named) : own;

/** A PHP value in words, as the recorder wrote it. */
export interface Described {
  type: string;
  text?: string;
  json?: unknown;
  length?: number;
  sha256?: string;
  jsonSha256?: string;
  count?: number;
  serialized?: string | null;
  notices?: string[];
  code?: number;
}

/** Reads `php/NAME.json` and says how many cases there are. */
export function readFamilies<Family>(name: string): Family[] {
  const { families } = JSON.parse(readFileSync(join(goldenDirectory, "php", `${name}.json`), "utf8")) as {
    families: Family[];
  };
  console.log(`${isForeignGolden ? goldenDirectory : "fixtures/golden"}: php/${name}.json: ${families.length} cases`);
  if (families.length === 0) throw new Error(`${name}.json has no cases`);
  return families;
}

/** Reads everything so that it can be written back as it was. */
export const exact: PhpValueOptions = { arrays: "map", floats: "exact", writeClasses: true };
const exactSettings = resolvePhpValueOptions(exact);

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** Checks that a value read with `exact` is the one described, by everything the description says. */
export function expectDescribed(value: unknown, described: Described, what: string): void {
  const { type, text } = described;
  switch (type) {
    case "string": {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      if (!(bytes instanceof Uint8Array) || text !== undefined) expect(value, what).toBe(text);
      else expect([bytes.length, sha256(bytes)], what).toEqual([described.length, described.sha256]);
      return;
    }
    case "int":
      expect(typeof value === "number" || typeof value === "bigint", `${what} is an int`).toBe(true);
      expect(String(value), what).toBe(text);
      return;
    case "float": {
      // A float must have been told from an int.
      const number = value instanceof PhpFloat ? value.value : (value as number);
      expect(value instanceof PhpFloat, `${what} is a float`).toBe(
        Number.isSafeInteger(number) && !Object.is(number, -0),
      );
      expect(number, what).toBe(floatOf(text));
      return;
    }
    case "bool":
    case "null":
      expect(value, what).toBe(described.json);
      return;
    default: {
      if (type !== "array") expect(value instanceof PhpObject && value.className, what).toBe(type);
      if (described.jsonSha256 !== undefined) {
        expect(sha256(phpJsonEncode(value, exactSettings)), what).toBe(described.jsonSha256);
      } else if (typeof described.json === "object" && described.json !== null) {
        const json = JSON.parse(phpJsonEncode(value, exactSettings).toString()) as unknown;
        expect(emptyAsList(json), what).toEqual(emptyAsList(described.json));
      }
      if (described.count !== undefined) {
        expect(Array.isArray(value) ? value.length : (value as Map<unknown, unknown>).size).toBe(described.count);
      }
      // Types and order, which JSON cannot show.
      if (typeof described.serialized === "string") {
        expect(phpSerialize(value, exactSettings).toString("base64"), what).toBe(described.serialized);
      }
    }
  }
}

/** Whether nothing is an empty list or an empty object depends on the class that wrote the JSON, not on the value. */
function emptyAsList(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(emptyAsList);
  const entries = Object.entries(json);
  return entries.length === 0 ? [] : Object.fromEntries(entries.map(([key, value]) => [key, emptyAsList(value)]));
}

/** The value to write for a description; `read` is what the recorded bytes gave, for values that are told by their hash. */
export function fromDescription(described: Described, read: unknown): unknown {
  switch (described.type) {
    case "string":
      return described.text ?? read;
    case "int":
      return BigInt(described.text ?? "");
    case "float":
      return new PhpFloat(floatOf(described.text));
    case "bool":
    case "null":
      return described.json;
    default:
      return typeof described.serialized === "string"
        ? phpUnserialize(Buffer.from(described.serialized, "base64"), exactSettings)
        : read;
  }
}

function floatOf(text: string | undefined): number {
  if (text === undefined) throw new Error("a float without its text");
  return Number(text);
}

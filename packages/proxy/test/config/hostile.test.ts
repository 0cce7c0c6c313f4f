// Files that nobody meant: the loader gives a config or problems with lines that exist, and never anything else.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/config/load.ts";
import { configKeys } from "../../src/config/reference.ts";

const names = configKeys().map(({ path }) => path.split(/[.[]/).at(-1) ?? path);

/** Nested maps, lists and scalars whose keys are often those of a pool. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      "true",
      "false",
      "127.0.0.1:1",
      "h:1:1",
      "h:1:1 n",
      "5",
      "-1",
      "1e9",
      "",
      "fence",
      "phpMemcache",
      null,
    ),
    fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), tie("value"), { maxKeys: 5 }),
  ),
}));

function check(text: string): void {
  const { config, problems } = readConfig(text, "c.yml");
  const lines = text.split(/\r\n|\r|\n/).length;
  if (config !== undefined) {
    expect(config.pools.length).toBeGreaterThan(0);
    for (const pool of config.pools) {
      expect(pool.servers.length > 0 || pool.discovery.follow !== undefined).toBe(true);
    }
    return;
  }
  expect(problems.length).toBeGreaterThan(0);
  for (const { line, column, message } of problems) {
    expect([line >= 1 && line <= lines, column >= 1, /[\r\n]/.test(message)]).toEqual([true, true, false]);
  }
}

describe("hostile files", () => {
  test("values of the wrong kind under keys of the right name", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.dictionary(fc.constantFrom(...names), value)),
        (file) => {
          check(JSON.stringify(file));
        },
      ),
      { numRuns: 400 },
    );
  });

  test("lines in any order, cut anywhere", () => {
    const line = fc.constantFrom(
      "a:",
      "b:",
      "  listen: 127.0.0.1:1",
      "  servers:",
      "   - h:1:1",
      "   - &x h:2:1",
      "   - *x",
      "  <<: *x",
      "  gutter: {servers: [h:3], ttl: 5}",
      "  timeouts: {connect: 1s",
      "---",
      "\t",
      "  ? [a, b]",
      "  : !!binary xx",
      "  redis: true",
      '  hash_tag: "{}"',
      "%YAML 9.9",
      "\u0000",
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.nat(), (lines, cut) => {
        const text = lines.join("\n");
        check(text.slice(0, cut % (text.length + 1)));
      }),
      { numRuns: 600 },
    );
  });

  test("aliases of aliases do not multiply", { timeout: 5000 }, () => {
    const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [*l${i}, *l${i}]`);
    check(["l0: &l0 [x, x]", ...levels].join("\n"));
  });

  test("an alias of itself ends", () => check("a: &a\n  gutter: *a\n  listen: *a\n  servers: [*a]\n"));
});

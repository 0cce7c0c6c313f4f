// Real clients must see no difference between memcached and our server, nor between a server and our proxy before it.

import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Cleanup, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { marugotoTarget, memcachedTarget, proxyTarget, type Target } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const run = promisify(execFile);
const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "oracle");

function portOf(target: Target): string {
  if (target.endpoint.kind !== "tcp") throw new TypeError("a client of this test dials TCP");
  return String(target.endpoint.port);
}

const php = useOracle("php", "PHP's Memcache and Memcached against our server");
const memcached = useOracle("memcached", "PHP's Memcache and Memcached against our server and memcached");
const title = php.isMissing ? php.title : memcached.title;

describe.skipIf(php.isMissing || memcached.isMissing)(title, () => {
  const transcript = async (script: string, target: Target) => {
    const args = [join(folder, script), "127.0.0.1", portOf(opened.add(target))];
    const { stdout } = await run(php.path, args, { timeout: 30_000, maxBuffer: 16 * 1024 * 1024 });
    return JSON.parse(stdout) as readonly (readonly [what: string, ...result: unknown[]])[];
  };

  test.each(["memcache.php", "memcached.php"])(
    "%s has the same transcript of all",
    { timeout: 60_000 },
    async (script) => {
      const theirs = await transcript(script, await memcachedTarget([], memcached.path));
      expect(theirs.length).toBeGreaterThan(80);
      expect(await transcript(script, await marugotoTarget())).toEqual(theirs);
      expect(await transcript(script, await proxyTarget())).toEqual(theirs);
      expect(await transcript(script, await proxyTarget(await memcachedTarget([], memcached.path)))).toEqual(theirs);
    },
  );
});

const memccapable = useOracle("memccapable", "libmemcached's memccapable against our server");
describe.skipIf(memccapable.isMissing)(memccapable.title, () => {
  test.each([
    ["our server", marugotoTarget],
    ["our proxy", proxyTarget],
  ])("all 27 tests of the text protocol pass: %s", { timeout: 90_000 }, async (_, start) => {
    const target = opened.add(await start());
    const args = ["-a", "-h", "127.0.0.1", "-p", portOf(target)];
    const { stdout } = await run(memccapable.path, args, { timeout: 60_000 });
    const passed = stdout.match(/\[pass\]/g) ?? [];
    expect({ passed: passed.length, failed: stdout.match(/^.*\[FAIL\].*$/gm) ?? [] }).toEqual({
      passed: 27,
      failed: [],
    });
  });
});

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Cleanup,
  connect,
  describeSkips,
  findOracle,
  memcachedVersion,
  readSkips,
  spawnMemcached,
  temporaryFolder,
  useOracle,
} from "../src/index.ts";

const opened = new Cleanup();
let folder = "";
beforeEach(() => {
  const made = temporaryFolder();
  folder = made.path;
  opened.defer(made.remove);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await opened.run();
});

function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("findOracle", () => {
  test("finds a program on PATH", () => {
    const path = program("nutcracker", "exit 0");
    vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
    expect(findOracle("nutcracker").path).toBe(path);
  });

  test("prefers the binary that MEMCACHED_BIN names, and fails when that cannot be run", () => {
    const path = program("my-memcached", "echo memcached 9.9.9");
    vi.stubEnv("MEMCACHED_BIN", path);
    expect(findOracle("memcached").path).toBe(path);
    expect(memcachedVersion(path)).toBe("9.9.9");
    vi.stubEnv("MEMCACHED_BIN", join(folder, "nothing"));
    expect(() => findOracle("memcached")).toThrow("cannot be run");
  });

  test("a php without the extensions counts as missing, and says which it lacks", () => {
    program("php", "echo memcache");
    vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
    expect(findOracle("php").missing).toBe(
      "php has no extension memcached; apt-get install php-cli php-memcache php-memcached",
    );
  });
});

test("a program that no package brings is looked for under its variable", () => {
  vi.stubEnv("PATH", "/usr/bin:/bin");
  expect(findOracle("repcached").missing).toBe("repcached is not installed; REPCACHED_BIN may name one");
  const path = program("memcached-of-1.4", "exit 0");
  vi.stubEnv("REPCACHED_BIN", path);
  expect(findOracle("repcached").path).toBe(path);
});

describe("skips", () => {
  test("a missing oracle is written down once per use and described with one apt line", () => {
    const file = join(folder, "skips.jsonl");
    mkdirSync(join(folder, "empty"));
    program("php", "echo nothing");
    vi.stubEnv("PATH", folder);
    vi.stubEnv("MARUGOTO_SKIPS_FILE", file);
    expect(readSkips(file)).toEqual([]);
    const use = useOracle("php", "PHP clients");
    expect(use.isMissing).toBe(true);
    expect(use.title).toContain("PHP clients (skipped: php has no extension memcache and memcached; apt-get install");
    expect(() => use.path).toThrow("apt-get install");
    useOracle("php", "PHP clients");
    useOracle("php", "PHP sessions");
    expect(describeSkips(readSkips(file))).toEqual([
      "Skipped for want of an oracle:",
      "  php: PHP clients",
      "  php: PHP sessions",
      "To enable: apt-get install -y php-cli php-memcache php-memcached",
    ]);
  });

  test("a program that is there but of no use is skipped with its reason, and nothing is to install", () => {
    const file = join(folder, "skips.jsonl");
    vi.stubEnv("MEMCACHED_BIN", program("memcached", "echo memcached 9.9.9"));
    vi.stubEnv("MARUGOTO_SKIPS_FILE", file);
    const use = useOracle("memcached", "the cases", (path) => `memcached ${memcachedVersion(path)} was never recorded`);
    expect(use.isMissing).toBe(true);
    expect(use.title).toBe("the cases (skipped: memcached 9.9.9 was never recorded)");
    expect(describeSkips(readSkips(file))).toEqual([
      "Skipped for want of an oracle:",
      "  memcached: the cases: memcached 9.9.9 was never recorded",
    ]);
  });

  test("nothing skipped says nothing", () => {
    expect(describeSkips([])).toEqual([]);
  });
});

const memcached = useOracle("memcached", "starting memcached from a test");
describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test("on a free port", async () => {
    const server = opened.add(await spawnMemcached());
    const connection = opened.add(await connect(server.endpoint));
    expect(await connection.ask("version")).toBe(`VERSION ${memcachedVersion()}`);
  });

  test("on a Unix socket", async () => {
    const server = opened.add(await spawnMemcached({ socketPath: join(folder, "m") }));
    const connection = opened.add(await connect(server.endpoint));
    expect(await connection.ask("get a")).toBe("END");
  });
});

import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { builtApp, Cleanup, temporaryFolder } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** The server stands on the storage, that on core; the client is no part of it. */
const manifests = {
  "apps/server/package.json": '{"devDependencies":{"@marugoto/storage":"*","@marugoto/testing":"*"}}',
  "packages/storage/package.json": '{"dependencies":{"@marugoto/core":"*"}}',
  "packages/core/package.json": "{}",
};
const unchanged = {
  ...Object.fromEntries(Object.keys(manifests).map((path) => [path, 0])),
  "packages/core/src/index.ts": 0,
};

function repository(files: Record<string, number>): string {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  for (const [path, seconds] of Object.entries({ ...unchanged, ...files })) {
    const file = join(folder.path, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, path.endsWith("package.json") ? manifests[path as keyof typeof manifests] : "");
    utimesSync(file, 1_700_000_000 + seconds, 1_700_000_000 + seconds);
  }
  return folder.path;
}

test("gives the path of a built app", () => {
  const root = repository({ "apps/server/src/main.ts": 1, "apps/server/dist/main.js": 2 });
  expect(builtApp("server", root)).toBe(join(root, "apps/server/dist/main.js"));
});

test("says what to run when it is missing", () => {
  const root = repository({ "apps/server/src/main.ts": 1 });
  expect(() => builtApp("server", root)).toThrow(
    'apps/server/dist/main.js is missing: run `npx -y pnpm@10.34.9 --filter "marugoto-server..." build` first',
  );
});

test("says what to run when a source of the app or of a package is newer", () => {
  const app = repository({ "apps/server/src/main.ts": 3, "apps/server/dist/main.js": 2 });
  expect(() => builtApp("server", app)).toThrow("is older than apps/server/src/main.ts: run");
  const sibling = repository({ "packages/core/src/index.ts": 3, "apps/server/dist/main.js": 2 });
  expect(() => builtApp("server", sibling)).toThrow("is older than packages/core/src/index.ts");
});

test("sources of packages that do not go into it do not count", () => {
  const root = repository({
    "packages/client/src/index.ts": 3,
    "packages/testing/src/index.ts": 3,
    "apps/server/dist/main.js": 2,
  });
  expect(builtApp("server", root)).toContain("main.js");
});

// What is compared must be the same thing: our ketama ring and hashring's.

import { expect, test } from "vitest";
import { addresses, isPlacementName, placements, ringSubject } from "../../src/subjects/rings.ts";

// Above, libmemcached's single precision drops four points of each server in some pool sizes, 25 or 100 for example.
test.each([3, 10, 16])("ketama and hashring send a key to the same of %i servers", (servers) => {
  const [ours, theirs, uncached] = [placements.ketama, placements.hashring, placements["hashring without cache"]].map(
    (make) => make(servers),
  );
  for (let i = 0; i < 2000; i++) {
    const address = addresses(servers)[ours!(`user:${i}:session`) as number];
    expect(theirs!(`user:${i}:session`)).toBe(address);
    expect(uncached!(`user:${i}:session`)).toBe(address);
  }
});

test.each(Object.keys(placements).filter(isPlacementName))("%s uses every one of ten servers", (name) => {
  const lookup = placements[name](10);
  const used = new Set(Array.from({ length: 2000 }, (_, i) => lookup(`user:${i}:session`)));
  expect(used.size).toBe(10);
});

test("a step looks up as many keys as it says, and begins anew where they end", () => {
  const subject = ringSubject("jump", { command: "lookup", servers: 3, keys: 300 });
  expect(subject.operationsPerStep).toBe(1000);
  expect(subject.step()).toBeUndefined();
  const build = ringSubject("pecl consistent", { command: "build", servers: 3, keys: 1 });
  expect(build.operationsPerStep).toBe(1);
  expect(build.step()).toBeUndefined();
});

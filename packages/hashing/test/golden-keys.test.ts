// Keys as they reach the server through PHP's two classes.

import { expect, test } from "vitest";
import { phpMemcache, phpMemcached } from "../src/index.ts";
import { readGolden, reportGolden } from "./golden.ts";

interface Seen {
  set: boolean;
  code?: number;
  /** Where it differs from the given key. */
  wireKeyBase64?: string;
}

interface Family {
  protocol: "ascii" | "binary";
  key: string;
  [client: string]: string | Seen;
}

/** A key that the client sends and the server then refuses for its length. */
const MAX_KEY_BYTES = 250;

test("keys-on-the-wire: what each class sends, changes and refuses", () => {
  const { families } = readGolden("php/keys-on-the-wire.json") as { families: Family[] };
  const target = Buffer.alloc(1024);
  let compared = 0;
  for (const family of families) {
    const bytes = Buffer.from(family.key);
    for (const [client, seen] of Object.entries(family)) {
      if (typeof seen === "string") continue;
      const [, name, prefix = ""] = /^(Memcached?)(?: prefix (.*))?$/.exec(client) ?? [];
      if (name === undefined) throw new Error(`unknown client "${client}" in the recorded data`);
      const placement =
        name === "Memcache"
          ? phpMemcache({ servers: [{ host: "a" }], prefix })
          : phpMemcached({
              servers: [["a", 0]],
              binaryProtocol: family.protocol === "binary",
              prefixKey: prefix,
            });
      const length = placement.wireKey(bytes, 0, bytes.length, target);
      const what = `${client}, ${family.protocol}, ${JSON.stringify(family.key)}`;
      expect(length > 0 && length <= MAX_KEY_BYTES, what).toBe(seen.set);
      if (seen.set) {
        const expected = seen.wireKeyBase64 === undefined ? bytes : Buffer.from(seen.wireKeyBase64, "base64");
        expect(target.subarray(0, length).toString("hex"), what).toBe(expected.toString("hex"));
      }
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(0);
  reportGolden("php/keys-on-the-wire.json", families.length, compared);
});

// Everything recorded from a real nutcracker.

import { expect, test } from "vitest";
import { twemproxy, type TwemproxyHash } from "../src/index.ts";
import { fromMap, keysOf, readGolden, reportGolden } from "./golden.ts";

interface Case {
  id: string;
  hash: TwemproxyHash;
  distribution: "ketama" | "modula";
  servers: string[];
  keys: string;
  map: string;
  hash_tag?: string;
  ejected?: number[];
}

test("placement: every key goes where nutcracker sends it", () => {
  const file = readGolden("twemproxy/placement.json") as { keysets: Record<string, string[]>; cases: Case[] };
  let compared = 0;
  for (const { id, hash, distribution, servers, keys, map, hash_tag, ejected } of file.cases) {
    const placement = twemproxy({
      servers,
      hash,
      distribution,
      ...(hash_tag && { hash_tag }),
      ...(ejected && { ejected }),
    });
    const owners = keysOf(file, keys).map((key) => placement.serverIndexOf(key));
    expect(owners, id).toEqual(fromMap(map));
    compared += owners.length;
  }
  expect(compared).toBeGreaterThan(0);
  reportGolden("twemproxy/placement.json", file.cases.length, compared);
});

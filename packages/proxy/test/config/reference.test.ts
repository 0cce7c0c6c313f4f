// docs/proxy.md says what the key table says, and the key table what the configuration does.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "@marugoto/testing";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { configKeys } from "../../src/config/reference.ts";

const text = readFileSync(join(repositoryRoot, "docs/proxy.md"), "utf8");

describe("docs/proxy.md", () => {
  test("lists every key with what it takes, its default and what it is for, and no other", () => {
    const section = text.slice(text.indexOf("## Configuration reference"));
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const listed = rows.map((row) =>
      row
        .split("|")
        .slice(1, 5)
        .map((cell) => cell.trim()),
    );
    const expected = configKeys().map(({ path, allowed, fallback, help, nutcracker }) => [
      `\`${path}\`${nutcracker ? " t" : ""}`,
      allowed,
      fallback,
      help,
    ]);
    expect(listed).toEqual(expected);
  });

  const blocks = Array.from(text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm), ([, block = ""]) => block);

  test("has examples", () => expect(blocks.length).toBeGreaterThanOrEqual(4));

  test.each(blocks)("an example loads: %s", (block) => {
    expect(parseConfig(block, "docs/proxy.md").pools).toHaveLength(1);
  });

  test("every placement that it writes is one", () => {
    const written = Array.from(text.matchAll(/`placement: ([^`]*)`/g), ([, value = ""]) => value);
    expect(written.length).toBeGreaterThanOrEqual(6);
    for (const value of written) {
      const config = `a:\n  listen: 127.0.0.1:1\n  servers: [h:1]\n  placement: ${value}\n`;
      expect(parseConfig(config, value).pools).toHaveLength(1);
    }
  });
});

/** Defaults that are told in words. */
const inWords = [
  "listen",
  "servers",
  "placement.preset",
  "placement.hash",
  "placement.distribution",
  "placement.prefix_key",
  "failover",
  "gutter",
  "gutter.servers",
  "discovery",
  "discovery.dns",
  "discovery.srv",
  "discovery.port",
  "timeouts",
  "timeouts.connect",
  "timeouts.request",
  "limits",
  "hash_tag",
  "timeout",
  "redis_auth",
];

describe("a default that is written out is what holds without it", () => {
  const SERVERS = "servers: [h:1]";

  /** A pool in which `path` stands with `value`, or without it; what else must be there for that is. */
  function poolWith(path: string, value: string | undefined) {
    const [outer = "", inner] = path.split(".");
    const entry = (name: string) => (value === undefined ? "" : `${name}: "${value}"`);
    const fields: Record<string, string> = {
      placement: `preset: ${/strategy|function/.test(path) ? "phpMemcache" : "phpMemcached"}`,
      gutter: "servers: [g:1]",
      discovery: "dns: cache.example.net",
    };
    const lines =
      inner === undefined
        ? [SERVERS, entry(outer)]
        : [
            SERVERS,
            `${outer}: {${[fields[outer], entry(inner)].filter((part) => part !== undefined && part !== "").join(", ")}}`,
          ];
    return parseConfig(`a:\n  listen: 127.0.0.1:1\n${lines.map((line) => `  ${line}\n`).join("")}`, "c.yml").pools;
  }

  const literal = configKeys().filter(({ path }) => !inWords.includes(path) && !path.startsWith("servers[]"));

  test.each(literal)("$path: $fallback", ({ path, fallback }) => {
    expect(poolWith(path, fallback)).toEqual(poolWith(path, undefined));
  });
});

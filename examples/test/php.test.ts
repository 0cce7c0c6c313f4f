// The PHP example of the root README, run by the real extension against the built server.

import { execFileSync } from "node:child_process";
import { Cleanup, spawnMarugotoServer, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { blocksOf } from "../src/markdown.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const php = useOracle("php", "the PHP example of README.md");

describe.skipIf(php.isMissing)(php.title, () => {
  test("prints what it stored", async () => {
    const server = opened.add(await spawnMarugotoServer());
    const block = blocksOf("README.md").find(({ language }) => language === "php");
    const code = block?.text.replace("11211", String(server.port)) ?? "";
    expect(execFileSync(php.path, ["-r", code], { encoding: "utf8", timeout: 20_000 })).toBe("hello");
  });
});

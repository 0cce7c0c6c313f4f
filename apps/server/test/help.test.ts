import { describe, expect, test } from "vitest";
import { flags, refused } from "../src/flags.ts";
import { helpText } from "../src/help.ts";

const help = helpText("marugoto-server 0.0.0");

test("every flag but the one for tests has its line", () => {
  for (const { short, long } of flags) {
    if (long === "debug-commands") continue;
    expect(help).toMatch(new RegExp(`^${short === undefined ? "" : `-${short}`}.*${long ?? ""}`, "m"));
  }
  expect(help).not.toContain("debug-commands");
});

// memcached's tests decide by these words what to try.
test.each(["sasl", "ext_path", "proxy_config", "enable-ssl", "no_drop_privileges"])("doesn't advertise %s", (word) => {
  expect(help.toLowerCase()).not.toContain(word);
});

test("advertises unix-socket, which works", () => {
  expect(help).toContain("-s, --unix-socket=<file>");
});

test("tells defaults", () => {
  expect(help).toMatch(/^-p, --port=<num> +TCP port .*\(default: 11211\)$/m);
  expect(help).toMatch(/^-m, --memory-limit=<num> +.*\(default: 64\)$/m);
  expect(help).toMatch(/^-D <char> +/m);
});

describe("the table", () => {
  test("no spelling is taken twice", () => {
    const shorts = [...flags.flatMap(({ short }) => short ?? []), ...refused.map(([short]) => short)];
    const longs = [...flags.flatMap(({ long }) => long ?? []), ...refused.map(([, long]) => long)];
    expect(new Set(shorts).size).toBe(shorts.length);
    expect(new Set(longs).size).toBe(longs.length);
  });
});

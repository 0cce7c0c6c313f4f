// The command line: nutcracker's flags as nutcracker reads them, and the commands beside them.

import { describe, expect, test } from "vitest";
import { parseArgs } from "../src/args.ts";
import { helpText, statsText } from "../src/help.ts";
import { defaultSettings } from "../src/settings.ts";

const parse = (line: string) => parseArgs(line === "" ? [] : line.split(" "));

describe("nutcracker's flags", () => {
  test("none: nutcracker's file, port and level", () => {
    expect(parse("")).toEqual(defaultSettings());
    expect(parse("")).toMatchObject({ configFile: "conf/nutcracker.yml", statsPort: undefined, verbosity: 5 });
  });

  test.each([
    ["-c a.yml", { configFile: "a.yml" }],
    ["-ca.yml", { configFile: "a.yml" }],
    ["--conf-file=a.yml", { configFile: "a.yml" }],
    ["--conf-file a.yml", { configFile: "a.yml" }],
    ["-s 22223 -a 0.0.0.0", { statsPort: 22_223, statsHost: "0.0.0.0" }],
    ["-s 0", { statsPort: 0 }],
    ["-s -1", { statsPort: -1 }],
    ["-v 11", { verbosity: 11 }],
    ["-v 99", { verbosity: 11 }],
    ["--verbose=6", { verbosity: 6 }],
    ["-dv6", { daemon: true, verbosity: 6 }],
    ["-d -o log -p pid", { daemon: true, logFile: "log", pidFile: "pid" }],
    ["-i 1000 -m 512", { withoutEffect: ["-i", "-m"] }],
    ["-t", { testOnly: true }],
    ["-h", { show: "help" }],
    ["-?", { show: "help" }],
    ["-V", { show: "version" }],
    ["-D", { show: "stats" }],
    ["-Vh", { show: "help" }],
  ])("%s", (line, expected) => expect(parse(line)).toEqual({ ...defaultSettings(), ...expected }));

  test("as nutcracker's own control scripts give them", () => {
    expect(parse("-d -c c.yml -o n.log -p n.pid -s 22222 -v 6 -m 16384 -i 1")).toMatchObject({
      daemon: true,
      configFile: "c.yml",
      logFile: "n.log",
      pidFile: "n.pid",
      statsPort: 22_222,
      verbosity: 6,
    });
  });
});

describe("commands", () => {
  test.each([
    ["where a b -c c.yml", { command: "where", words: ["a", "b"], configFile: "c.yml" }],
    ["-c c.yml where --down s1 --down s2 a", { command: "where", words: ["a"], down: ["s1", "s2"] }],
    ["where -- -a", { command: "where", words: ["-a"] }],
    ["plan old.yml new.yml --keys k", { command: "plan", words: ["old.yml", "new.yml"], keysFile: "k" }],
    ["plan --recover s1 --like phpMemcache", { command: "plan", words: [], recover: ["s1"], like: "phpMemcache" }],
  ])("%s", (line, expected) => expect(parse(line)).toMatchObject(expected));
});

describe("a wrong line is refused in one that names what is wrong", () => {
  test.each([
    ["-Z", "-Z is not a flag; -h lists them"],
    ["--nothing", "--nothing is not a flag; -h lists them"],
    ["-c", "-c needs a value: <file>"],
    ["--conf-file=", "--conf-file needs a value: <file>"],
    ["--daemonize=yes", '--daemonize takes no value, but has "yes"'],
    ["-v -1", "-v is -1, must be a whole number from 0 to 11"],
    ["-v x", "-v is x, must be a whole number from 0 to 11"],
    ["-s 65536", "-s is 65536, must be a whole number from -1 to 65535"],
    ["-m 100", "-m is 100, must be a whole number from 512 to 16777216"],
    ["serve", '"serve" is no command; there are where and plan'],
    ["where", "where needs a key: where KEY..."],
    ["plan a", "plan needs two files or a server: plan OLD NEW, or plan --recover SERVER"],
    ["plan a b --recover s", "plan needs two files or a server: plan OLD NEW, or plan --recover SERVER"],
    ["where a --keys k", "--recover, --like and --keys belong to plan"],
    ["plan a b --like twemproxy", "--like belongs to plan --recover SERVER"],
    ["--down s", "--down belongs to where"],
  ])("%s", (line, message) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: "invalid_option", message }));
  });
});

test("the help has a row for each flag of nutcracker, and fits a terminal", () => {
  const text = helpText("marugoto-proxy 0.1.0");
  for (const letter of "hVtdDvocsaipm") expect(text).toMatch(new RegExp(`^  -${letter}, --`, "m"));
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(126);
});

test("-D describes the 19 fields", () => {
  expect(statsText().match(/^ {2}\w+ +"/gm)).toHaveLength(19);
});

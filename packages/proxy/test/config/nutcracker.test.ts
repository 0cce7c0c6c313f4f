// What nutcracker takes as a configuration, this proxy takes, and what one refuses the other refuses; the differences are
// written down here.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cleanup, temporaryFolder, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { readConfig } from "../../src/config/load.ts";

const nutcracker = useOracle("nutcracker", "config files beside nutcracker -t");
const opened = new Cleanup();
afterEach(() => opened.run());

/** Whether `nutcracker -t` takes the text. */
function itTakes(text: string): boolean {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const file = join(folder.path, "c.yml");
  writeFileSync(file, text);
  try {
    execFileSync(nutcracker.path, ["-t", "-c", file], { stdio: "pipe", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}

const weTake = (text: string) => readConfig(text, "c.yml").config !== undefined;

const LISTEN = "listen: 127.0.0.1:22999";
const SERVERS = "servers:\n   - 127.0.0.1:11211:1";
const pool = (...lines: string[]) => `a:\n${lines.map((line) => `  ${line}\n`).join("")}`;
const withLine = (line: string) => pool(LISTEN, line, SERVERS);
const withServer = (line: string) => pool(LISTEN, `servers:\n   - ${line}`);
const withListen = (value: string) => pool(`listen: ${value}`, SERVERS);

const hashes = "one_at_a_time md5 crc16 crc32 crc32a fnv1_64 fnv1a_64 fnv1_32 fnv1a_32 hsieh murmur jenkins";

const same: string[] = [
  ...hashes.split(" ").map((hash) => withLine(`hash: ${hash}`)),
  ...["ketama", "modula", "random", "Ketama", "x"].map((name) => withLine(`distribution: ${name}`)),
  ...["MD5", "fnv", ""].map((hash) => withLine(`hash: ${hash}`)),
  ...['"{}"', '"$$"', '"{"', '""', '"{{}}"'].map((tag) => withLine(`hash_tag: ${tag}`)),
  ...["0", "1", "400", '"400"', "-1", "4e2", "1.5", "99999999999", "x"].map((value) => withLine(`timeout: ${value}`)),
  ...["0", "1024", "-1"].map((value) => withLine(`backlog: ${value}`)),
  ...["true", "false", "yes", "True", "1"].flatMap((value) =>
    ["preconnect", "tcpkeepalive", "auto_eject_hosts"].map((key) => withLine(`${key}: ${value}`)),
  ),
  ...["0", "1", "x"].flatMap((value) =>
    ["client_connections", "server_connections", "server_retry_timeout", "server_failure_limit"].map((key) =>
      withLine(`${key}: ${value}`),
    ),
  ),
  ...["redis: false", "redis_auth: x", "redis_db: 1", "foo: 1", "timeout: 1\n  timeout: 2"].map(withLine),
  ...["127.0.0.1", "localhost:22999", "/tmp/x 0666", "/tmp/x", "127.0.0.1:70000", "127.0.0.1:x"].map(withListen),
  ...[
    "127.0.0.1:11211:0",
    "127.0.0.1:11211:-1",
    "127.0.0.1:11211:1 name",
    "127.0.0.1:11211:1  name",
    "127.0.0.1:11211:1 na me",
    "127.0.0.1:0:1",
    "127.0.0.1:99999:1",
    "127.0.0.1:11211:1.5",
    "/tmp/s:1",
    "/tmp/s:1 n",
    "host.example:11211:1",
    '"[::1]:11211:1"',
    "::1:11211:1",
  ].map(withServer),
  withServer("127.0.0.1:11211:1\n   - 127.0.0.1:11211:2"),
  withServer("127.0.0.1:11211:1 n\n   - 127.0.0.1:11212:1 n"),
  withServer("127.0.0.1:11211:1 n\n   - 127.0.0.1:11211:1 m"),
  pool(LISTEN),
  pool(SERVERS),
  pool(LISTEN, "servers:"),
  pool(LISTEN, "servers: 127.0.0.1:11211:1"),
  withLine("# a remark"),
  `"a b":\n  ${LISTEN}\n  ${SERVERS}\n`,
  `${withLine("")}b:\n  ${LISTEN}\n  ${SERVERS}\n`,
  `${withLine("")}a:\n  listen: 127.0.0.1:22998\n  ${SERVERS}\n`,
  `${withLine("")}---\n${withLine("")}`,
  "",
  "x",
  "- a",
];

/** Texts that only one of the two takes. */
const different: readonly (readonly [text: string, itTakes: boolean, why: string])[] = [
  [withLine("redis: true"), true, "this proxy speaks memcached only"],
  [withListen("/tmp/x 0999"), true, "no octal number"],
  [withListen("127.0.0.1:0"), false, "port 0 is any free one"],
  [withListen("'[::1]:22999'"), false, "an IPv6 address in brackets"],
  [withServer("127.0.0.1:11211"), false, "a weight is not needed"],
  [withServer("/tmp/s"), false, "a weight is not needed"],
  [withLine("reuseport: true"), false, "nutcracker 0.5.0 is older than this key"],
  ['{"a": {"listen": "127.0.0.1:22999", "servers": ["127.0.0.1:11211:1"]}}', false, "JSON is YAML"],
];

describe.skipIf(nutcracker.isMissing)(nutcracker.title, () => {
  test(`${same.length} files: both take them, or both refuse them`, () => {
    const verdicts = same.map((text) => ({ text, taken: itTakes(text) }));
    expect(verdicts.filter(({ taken }) => taken).length).toBeGreaterThan(40);
    expect(verdicts.filter(({ taken }) => !taken).length).toBeGreaterThan(30);
    expect(same.map((text) => ({ text, taken: weTake(text) }))).toEqual(verdicts);
  });

  test.each(different)("%j: nutcracker takes it: %s; %s", (text, taken) => {
    expect([itTakes(text), weTake(text)]).toEqual([taken, !taken]);
  });
});

// A client that speaks the binary protocol is told in that protocol that nobody here does.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Cleanup, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { client, named, startProxy, startServer } from "../support/bench.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

async function start() {
  return startProxy(opened, named((await startServer(opened)).port));
}

/** A get of the key "k", with an opaque to be repeated. */
const GETK = Buffer.from("800c000100000000000000010badcafe00000000000000006b", "hex");

test.each([
  ["a whole request", GETK.length, 0x0c, "0badcafe"],
  ["its first bytes", 2, 0x0c, "00000000"],
  ["its first byte", 1, 0x00, "00000000"],
])("%s is answered with status 0x81 and a text, and the connection ends", async (_, bytes, opcode, opaque) => {
  const asked = await client(opened, (await start()).port);
  asked.send(GETK.subarray(0, bytes));
  const answer = await asked.readToEnd();
  expect(answer[0]).toBe(0x81);
  expect(answer[1]).toBe(opcode);
  expect(answer.readUInt16BE(6)).toBe(0x81);
  expect(answer.readUInt32BE(8)).toBe(answer.length - 24);
  expect(answer.toString("hex", 12, 16)).toBe(opaque);
  expect(answer.toString("latin1", 24)).toMatch(/^the binary protocol is not spoken here/);
});

const php = useOracle("php", "whose binary protocol is refused in words");

describe.skipIf(php.isMissing)(php.title, () => {
  test("a program that speaks it gets an error, not a lost connection", async () => {
    const { port } = await start();
    const script = `$m = new Memcached; $m->setOption(Memcached::OPT_BINARY_PROTOCOL, true);
      $m->addServer("127.0.0.1", ${port}); var_dump($m->get("k")); echo $m->getResultCode(), " ", $m->getResultMessage();`;
    const { stdout: said } = await promisify(execFile)(php.path, ["-r", script], { timeout: 10_000 });
    expect(said).toContain("bool(false)");
    expect(said).not.toContain("RESET");
  });
});

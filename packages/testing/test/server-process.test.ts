import { afterEach, expect, test } from "vitest";
import { Cleanup, connect, eventually, freePort, spawnServer } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const listening = `
const fs = require("node:fs");
const server = require("node:net").createServer((s) => s.end("hi")).listen(Number(process.argv[1] ?? 0), "127.0.0.1", () => {
  process.stderr.write("listening\\n");
  if (process.env.MEMCACHED_PORT_FILENAME) fs.writeFileSync(process.env.MEMCACHED_PORT_FILENAME, "TCP INET: " + server.address().port + "\\n");
});`;

test("waits for the port file and keeps stderr", async () => {
  const args = ["-e", listening];
  const server = opened.add(await spawnServer({ command: process.execPath, args, ready: "port-file" }));
  const connection = opened.add(await connect(server.port));
  expect((await connection.readToEnd()).toString()).toBe("hi");
  await eventually(() => server.stderr === "listening\n");
  expect(await server.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(server.alive).toBe(false);
});

test("waits until something accepts at the endpoint", async () => {
  const port = await freePort();
  const ready = { kind: "tcp", host: "127.0.0.1", port } as const;
  const server = opened.add(
    await spawnServer({ command: process.execPath, args: ["-e", listening, String(port)], ready }),
  );
  expect(server.port).toBe(port);
});

test("a program that ends before it listens fails with what it said", async () => {
  const args = ["-e", `process.stderr.write("bad flag -q\\n"); process.exit(2)`];
  const start = spawnServer({ command: process.execPath, args, ready: "port-file" });
  await expect(start).rejects.toMatchObject({ code: "listen_failed", message: expect.stringContaining("bad flag -q") });
});

test("a program that never listens is killed after readyWithinMs", async () => {
  const args = ["-e", "setInterval(() => undefined, 1000)"];
  const start = spawnServer({ command: process.execPath, args, ready: "port-file", readyWithinMs: 200 });
  await expect(start).rejects.toMatchObject({ message: expect.stringContaining("did not listen within 200 ms") });
});

test("a program that is not there fails with its name", async () => {
  const start = spawnServer({ command: "/nowhere/memcached", ready: "port-file" });
  await expect(start).rejects.toMatchObject({ message: expect.stringContaining("/nowhere/memcached") });
});

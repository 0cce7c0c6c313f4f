// Ways to reach a server, and the life of a client.

import { execFileSync, fork } from "node:child_process";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import { Cleanup, eventually, spawnMemcached, temporaryFolder, useOracle, within } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { commandChannel, connectChannel, createClient } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "fulfilled",
    (error: unknown) => (error as { code: unknown }).code,
  );

describe("reaching a server", () => {
  test("by a Unix socket", async () => {
    const folder = temporaryFolder();
    opened.add({ close: folder.remove });
    const path = join(folder.path, "s");
    opened.add(await FakeServer.start({ path }));
    const client = opened.add(createClient({ servers: [path] }));
    await client.set("k", "v");
    expect(await client.get("k")).toBe("v");
  });

  test("that is not there: an error in a moment, with the address and the cause", async () => {
    const client = createClient({ servers: ["127.0.0.1:1"], protocol: "classic" });
    opened.defer(() => client.destroy());
    const started = performance.now();
    await expect(client.get("k")).rejects.toMatchObject({
      code: "connection_lost",
      message: expect.stringContaining("127.0.0.1:1"),
      cause: { code: "ECONNREFUSED" },
    });
    expect(performance.now() - started).toBeLessThan(500);
  });

  test("by a name that has several addresses: when all refuse, the error says so", async () => {
    const client = createClient({ servers: ["localhost:1"], protocol: "classic" });
    opened.defer(() => client.destroy());
    await expect(client.get("k")).rejects.toMatchObject({
      message: expect.stringMatching(/localhost:1: .*ECONNREFUSED/),
    });
  });

  test("by IPv6", async () => {
    const fake = opened.add(await FakeServer.start());
    const server = net.createServer((socket) => {
      const inner = net.connect(fake.port, "127.0.0.1");
      socket.pipe(inner).pipe(socket);
      for (const one of [socket, inner]) one.on("error", () => undefined);
    });
    const listened = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(0, "::1", () => resolve(true));
    });
    // A machine without IPv6 has no such address.
    if (!listened) return;
    opened.defer(() => new Promise((resolve) => server.close(resolve)));
    const client = opened.add(createClient({ servers: [`[::1]:${(server.address() as net.AddressInfo).port}`] }));
    await client.set("k", "v");
    expect(await client.get("k")).toBe("v");
  });

  test("by TLS, with a name to check and a certificate to show", async () => {
    const folder = temporaryFolder();
    opened.add({ close: folder.remove });
    const file = (name: string) => join(folder.path, name);
    const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore", timeout: 20_000 });
    writeFileSync(file("ext"), "subjectAltName=DNS:cache.test\n");
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=ca",
      "-keyout",
      file("ca.key"),
      "-out",
      file("ca.crt"),
    );
    for (const name of ["server", "client"]) {
      openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        file(`${name}.key`),
        "-out",
        file(`${name}.csr`),
      );
      openssl(
        "x509",
        "-req",
        "-in",
        file(`${name}.csr`),
        "-CA",
        file("ca.crt"),
        "-CAkey",
        file("ca.key"),
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        file("ext"),
        "-out",
        file(`${name}.crt`),
      );
    }
    const pem = (name: string) => readFileSync(file(name));
    const fake = opened.add(await FakeServer.start());
    const names: (string | false | null)[] = [];
    const options = { key: pem("server.key"), cert: pem("server.crt"), ca: pem("ca.crt"), requestCert: true };
    const server = tls.createServer({ ...options, rejectUnauthorized: true }, (socket) => {
      names.push(socket.servername);
      const inner = net.connect(fake.port, "127.0.0.1");
      socket.pipe(inner).pipe(socket);
      for (const one of [socket, inner]) one.on("error", () => undefined);
    });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    opened.defer(() => new Promise((resolve) => server.close(resolve)));
    const address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;

    const trusted = { ca: pem("ca.crt"), servername: "cache.test", key: pem("client.key"), cert: pem("client.crt") };
    const client = opened.add(createClient({ servers: [address], socket: { tls: trusted } }));
    const value = "v".repeat(200_000);
    await client.set("k", Buffer.from(value));
    expect(String(await client.get("k"))).toBe(value);
    expect(new Set(names)).toEqual(new Set(["cache.test"]));

    const wrongName = createClient({ servers: [address], socket: { tls: { ...trusted, servername: "other.test" } } });
    opened.defer(() => wrongName.destroy());
    expect(await codeOf(wrongName.get("k"))).toBe("connection_lost");
    const { key: _key, cert: _cert, ...anonymous } = trusted;
    const unknown = createClient({ servers: [address], socket: { tls: anonymous } });
    opened.defer(() => unknown.destroy());
    expect(await codeOf(unknown.get("k"))).toBe("connection_lost");
  });

  const memcached = useOracle("memcached", "text authentication against real memcached");
  test.skipIf(memcached.isMissing)("that asks for a name and a password", async () => {
    const folder = temporaryFolder();
    opened.add({ close: folder.remove });
    const authFile = join(folder.path, "auth");
    writeFileSync(authFile, "me:secret\n");
    const server = opened.add(await spawnMemcached({ args: ["-Y", authFile] }));
    const servers = [`127.0.0.1:${server.port}`];
    const client = opened.add(createClient({ servers, authentication: { username: "me", password: "secret" } }));
    await client.set("k", "v");
    expect(await client.get("k")).toBe("v");
    const wrong = createClient({ servers, authentication: { username: "me", password: "guess" } });
    opened.defer(() => wrong.destroy());
    await expect(wrong.get("k")).rejects.toMatchObject({ message: expect.stringContaining("authentication") });
  });
});

describe("the life of a client", () => {
  test("close waits for the open calls and takes no more", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = createClient({ servers: [fake.address] });
    const calls = Array.from({ length: 100 }, (_, i) => client.set(`k${i}`, "v"));
    const closed = client.close();
    expect(await codeOf(client.get("k"))).toBe("closed");
    expect(new Set(await Promise.all(calls))).toEqual(new Set([true]));
    await closed;
    await eventually(() => fake.sockets.size === 0);
    await client.close();
  });

  test.each(["classic", "auto"] as const)(
    "close ends, protocol %s, though the server has fallen silent",
    async (protocol) => {
      const fake = opened.add(await FakeServer.start());
      fake.frozen = true;
      const timeouts = { requestMs: 100, connectMs: 200, stallMs: 100 };
      const client = createClient({ servers: [fake.address], protocol, timeouts });
      opened.defer(() => client.destroy());
      const call = codeOf(client.get("k"));
      await within(5000, client.close(), "not closed");
      expect(await call).toBe("timeout");
    },
  );

  test("close ends while the server is dialled, and without a call", async () => {
    // It accepts and never answers the handshake.
    const fake = opened.add(await FakeServer.start({ reads: false }));
    const options = { servers: [fake.address], socket: { tls: true }, timeouts: { connectMs: 200 } } as const;
    for (const protocol of ["classic", "auto"] as const) {
      const client = createClient({ ...options, protocol });
      client.connect();
      await within(5000, client.close(), "not closed");
      const busy = createClient({ ...options, protocol });
      const call = codeOf(busy.get("k"));
      await within(5000, busy.close(), "not closed");
      expect(["timeout", "connection_lost"]).toContain(await call);
    }
  });

  test.each(["close", "destroy", "unref"])(
    "a process that says %s ends by itself",
    { timeout: 60_000 },
    async (way) => {
      const fake = opened.add(await FakeServer.start());
      const program = new URL("./support/short-process.ts", import.meta.url);
      const child = fork(program, [String(fake.port), way], { execArgv: ["--conditions=source"] });
      opened.defer(() => child.kill("SIGKILL"));
      await once(child, "message");
      const said = performance.now();
      const [code] = (await within(10_000, once(child, "exit"), `not ended after ${way}`)) as [number | null];
      expect(code).toBe(0);
      expect(performance.now() - said).toBeLessThan(5000);
    },
  );

  test("destroy does not wait", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = createClient({ servers: [fake.address], protocol: "classic" });
    await client.set("k", "v");
    fake.frozen = true;
    const call = codeOf(client.get("k"));
    client.destroy();
    expect(await call).toBe("closed");
    await eventually(() => fake.sockets.size === 0);
  });

  test("await using closes it", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = createClient({ servers: [fake.address] });
    await client.set("k", "v");
    await client[Symbol.asyncDispose]();
    expect(await codeOf(client.get("k"))).toBe("closed");
  });

  test("connect dials before the first call", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address], protocol: "classic" }));
    client.connect();
    await eventually(() => client.pool.links[0]!.isUp);
    expect(fake.requests).toEqual([]);
  });

  test.each([0, -1, Number.NaN])("a call of %d ms is refused", async (timeoutMs) => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address] }));
    const options = { timeoutMs };
    const calls = [client.get("k", options), client.getMany(["k"], options), client.set("k", 1, options)];
    for (const call of [...calls, client.version(options)]) expect(await codeOf(call)).toBe("invalid_option");
  });

  test("options out of range are refused by name", () => {
    const make = (options: object) => () => createClient({ servers: ["127.0.0.1:1"], ...options });
    expect(make({ timeouts: { requestMs: 0 } })).toThrow(/timeouts.requestMs is 0/);
    expect(make({ limits: { maxBytes: Number.NaN } })).toThrow(/limits.maxBytes/);
    expect(make({ servers: [{ address: "a:1", weight: -1 }] })).toThrow(/weight of a:1/);
    expect(make({ servers: ["a:99999"] })).toThrow(/port/);
  });

  test("TLS that cannot work is refused at once, not by each connect", () => {
    const make = () => createClient({ servers: ["127.0.0.1:1"], socket: { tls: { cert: "no", key: "no" } } });
    expect(make).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });

  test.each(["two words", "a\r\nflush_all", "\u007f", "\ud800"])("a prefix %j is refused", async (prefix) => {
    const refused = expect.objectContaining({ code: "invalid_option" });
    expect(() => createClient({ servers: [], prefix })).toThrow(refused);
    const client = opened.add(createClient({ servers: [(await FakeServer.start()).address], keys: "hash" }));
    expect(() => client.with({ prefix })).toThrow(refused);
    expect(await codeOf(client.namespace(prefix).client())).toMatch(/^(invalid_option|key_invalid)$/);
  });

  test("views share connections and differ in keys", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address] }));
    const view = client.with({ prefix: "p:" });
    await view.set("k", "v");
    expect(await client.get("p:k")).toBe("v");
    expect(fake.accepted).toBe(2);
  });
});

test("calls are traced with what they were and how they ended", async () => {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address] }));
  const seen: string[] = [];
  const handlers = {
    start: () => undefined,
    end: () => undefined,
    asyncStart: () => undefined,
    asyncEnd: (message: object) => {
      const { operation, keyCount, error, key } = message as {
        operation: string;
        keyCount: number;
        error?: Error;
        key?: string;
      };
      seen.push(`${operation} ${keyCount} ${error ? "failed" : "done"}${key ?? ""}`);
    },
    error: () => undefined,
  };
  commandChannel.subscribe(handlers);
  opened.defer(() => commandChannel.unsubscribe(handlers));
  expect(diagnostics.channel("tracing:marugoto:client:command:asyncEnd").hasSubscribers).toBe(true);
  await client.set("k", "v");
  await client.getMany(["k", "l"]);
  await codeOf(client.get("bad key"));
  expect(seen).toEqual(["set 1 done", "getMany 2 done", "get 1 failed"]);
});

test("tries to connect are traced, and what became of them", async () => {
  const fake = await FakeServer.start();
  const seen: string[] = [];
  const note = (what: string) => (message: unknown) => {
    const { server, address, error } = message as { server: string; address: string; error?: { code: string } };
    seen.push(`${what} ${server} ${address === fake.address}${error ? ` ${error.code}` : ""}`);
  };
  const ignore = () => undefined;
  const handlers = {
    start: note("start"),
    end: ignore,
    asyncStart: ignore,
    asyncEnd: note("end"),
    error: note("error"),
  };
  connectChannel.subscribe(handlers);
  opened.defer(() => connectChannel.unsubscribe(handlers));
  const options = { servers: [{ address: fake.address, name: "s" }], protocol: "classic" } as const;
  const client = createClient(options);
  await client.set("k", "v");
  await client.close();
  await fake.close();
  const other = createClient(options);
  expect(await codeOf(other.get("k"))).toBe("connection_lost");
  other.destroy();
  await eventually(() => seen.length >= 5);
  expect(seen.slice(0, 5)).toEqual([
    "start s true",
    "end s true",
    "start s true",
    "error s true connection_lost",
    "end s true connection_lost",
  ]);
});

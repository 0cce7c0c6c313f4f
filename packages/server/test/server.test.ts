// Real sockets: listeners, limits, ends. Each case runs with the shared read buffer and with `data` events.

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createServer, type Server, type ServerOptions } from "../src/index.ts";

const servers: Server[] = [];
const sockets: net.Socket[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close({ graceMs: 50 })));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const tcp = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

async function start(options: Partial<ServerOptions> = {}): Promise<{ server: Server; port: number }> {
  const server = createServer({ listeners: [tcp], memoryBytes: 8 * 1024 * 1024, ...options });
  servers.push(server);
  const [endpoint] = await server.listen();
  return { server, port: endpoint?.kind === "tcp" ? endpoint.port : 0 };
}

interface Client {
  readonly socket: net.Socket;
  received: string;
  closed: boolean;
}

function connect(to: number | string): Client {
  const socket = typeof to === "number" ? net.connect(to, "127.0.0.1") : net.connect(to);
  sockets.push(socket);
  const client: Client = { socket, received: "", closed: false };
  socket.on("data", (chunk) => (client.received += chunk.toString("latin1")));
  socket.on("close", () => (client.closed = true));
  socket.on("error", () => undefined);
  return client;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "marugoto-"));
  folders.push(path);
  return path;
}

describe.each([
  ["one shared read buffer", true],
  ["data events", false],
])("over %s", (_, sharedReadBuffer) => {
  test("serves over TCP, and requests that arrive in pieces", async () => {
    const { port } = await start({ sharedReadBuffer });
    const client = connect(port);
    client.socket.write("set a 0 0 5\r\nhel");
    await eventually(() => expect(client.socket.bytesWritten).toBe(16), { withinMs: 1000 });
    client.socket.write("lo\r\nget a\r\n");
    await eventually(() => expect(client.received).toBe("STORED\r\nVALUE a 0 5\r\nhello\r\nEND\r\n"), {
      withinMs: 2000,
    });
  });

  test("a value of 1 MB goes in and out", async () => {
    const { port } = await start({ sharedReadBuffer });
    const client = connect(port);
    const value = "m".repeat(1_000_000);
    client.socket.write(`set big 0 0 ${value.length}\r\n${value}\r\nget big\r\nget big\r\n`);
    const answer = `VALUE big 0 1000000\r\n${value}\r\nEND\r\n`;
    await eventually(() => expect(client.received.length).toBe(8 + 2 * answer.length), { withinMs: 5000 });
    expect(client.received === `STORED\r\n${answer}${answer}`).toBe(true);
  });

  test("serves over a Unix socket with the mode asked for, and a stale socket file is no hindrance", async () => {
    const path = join(folder(), "m.sock");
    const first = createServer({ listeners: [{ kind: "unix", path, mode: 0o700 }], sharedReadBuffer });
    await first.listen();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await first.close();
    expect(existsSync(path)).toBe(false);
    await start({ listeners: [{ kind: "unix", path, mode: 0o750 }], sharedReadBuffer });
    const client = connect(path);
    client.socket.write("version\r\n");
    await eventually(() => expect(client.received).toMatch(/^VERSION /), { withinMs: 2000 });
    expect(statSync(path).mode & 0o777).toBe(0o750);
  });

  test("one client too many is told so and closed; a place that is free again is given away", async () => {
    const { server, port } = await start({ maxConnections: 2, sharedReadBuffer });
    const rejected: number[] = [];
    server.events.on("rejected", ({ connections }) => rejected.push(connections));
    const first = connect(port);
    connect(port);
    await eventually(() => expect(server.store).toBeDefined(), { withinMs: 1000 });
    first.socket.write("version\r\n");
    await eventually(() => expect(first.received).toMatch(/VERSION/), { withinMs: 2000 });
    const third = connect(port);
    await eventually(() => expect(third.closed).toBe(true), { withinMs: 2000 });
    expect(third.received).toBe("ERROR Too many open connections\r\n");
    expect(rejected).toEqual([2]);
    first.socket.end("quit\r\n");
    await eventually(() => expect(first.closed).toBe(true), { withinMs: 2000 });
    const fourth = connect(port);
    fourth.socket.write("mn\r\n");
    await eventually(() => expect(fourth.received).toBe("MN\r\n"), { withinMs: 2000 });
  });

  test("a client that closes its side gets its answers and is gone", async () => {
    const { server, port } = await start({ sharedReadBuffer });
    const reasons: string[] = [];
    server.events.on("disconnected", ({ reason }) => reasons.push(reason));
    const client = connect(port);
    client.socket.end("mn\r\nmn\r\n");
    await eventually(() => expect(client.closed).toBe(true), { withinMs: 2000 });
    expect(client.received).toBe("MN\r\nMN\r\n");
    await eventually(() => expect(reasons).toEqual(["client"]), { withinMs: 2000 });
  });

  test("close() ends idle clients and resolves", async () => {
    const { server, port } = await start({ sharedReadBuffer });
    const client = connect(port);
    client.socket.write("mn\r\n");
    await eventually(() => expect(client.received).toBe("MN\r\n"), { withinMs: 2000 });
    await server.close();
    await eventually(() => expect(client.closed).toBe(true), { withinMs: 2000 });
    const late = connect(port);
    await eventually(() => expect(late.closed).toBe(true), { withinMs: 2000 });
  });

  test("close() doesn't wait for a client that never reads", async () => {
    const { server, port } = await start({ sharedReadBuffer });
    const client = connect(port);
    client.socket.pause();
    const value = "m".repeat(1_000_000);
    client.socket.write(`set big 0 0 ${value.length}\r\n${value}\r\n${"get big\r\n".repeat(50)}`);
    await eventually(() => expect(server.store.currItems).toBe(1), { withinMs: 3000 });
    const before = performance.now();
    await server.close({ graceMs: 100 });
    expect(performance.now() - before).toBeLessThan(5000);
  });
});

describe("idle clients", () => {
  test("are dropped after idleTimeoutSec, those that talk are kept", async () => {
    const { server, port } = await start({ idleTimeoutSec: 1 });
    const reasons: string[] = [];
    server.events.on("disconnected", ({ reason }) => reasons.push(reason));
    const idle = connect(port);
    const half = connect(port);
    half.socket.write("get half-a-li");
    const busy = connect(port);
    const talk = setInterval(() => busy.socket.write("mn\r\n"), 100);
    await eventually(() => expect(idle.closed && half.closed).toBe(true), { withinMs: 6000 });
    clearInterval(talk);
    expect(busy.closed).toBe(false);
    expect(reasons).toEqual(["idle_timeout", "idle_timeout"]);
  });
});

describe("listening", () => {
  test("on a taken port fails by name, and nothing stays open", async () => {
    const { port } = await start();
    const free = createServer({ listeners: [tcp, { ...tcp, port }] });
    await expect(free.listen()).rejects.toMatchObject({ code: "address_in_use" });
  });

  test("leaves a file that is no socket alone", async () => {
    const path = join(folder(), "precious");
    writeFileSync(path, "data");
    const server = createServer({ listeners: [{ kind: "unix", path, mode: 0o700 }] });
    await expect(server.listen()).rejects.toMatchObject({ code: "address_in_use" });
    expect(statSync(path).size).toBe(4);
  });
});

// Both ways of a socket give the same: past the streams, and through them.

import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { Endpoint } from "@marugoto/core";
import { Cleanup, connect, eventually, temporaryFolder } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { SocketListener, type ByteSocket, type SocketListenerOptions } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const tcp: Endpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** What a listener's connections were told, in order, and the last connection itself. */
interface Seen {
  readonly events: string[];
  socket: ByteSocket | undefined;
}

async function listen(options: Partial<SocketListenerOptions> = {}) {
  const seen: Seen = { events: [], socket: undefined };
  const listener = new SocketListener({
    endpoint: tcp,
    backlog: 16,
    readBuffer: Buffer.alloc(64 * 1024),
    accept: (socket) => {
      seen.socket = socket;
      return {
        onBytes: (buffer, start, end) => seen.events.push(buffer.toString("latin1", start, end)),
        onDrain: () => seen.events.push("<drain>"),
        onInputEnd: () => seen.events.push("<end>"),
        onClosed: (error) => seen.events.push(error === undefined ? "<closed>" : "<failed>"),
      };
    },
    onError: (what, error) => seen.events.push(`<${what}: ${String(error)}>`),
    ...options,
  });
  const at = await listener.listen();
  opened.defer(() => listener.close());
  return { at, seen, listener };
}

const unixPath = () => {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  return join(folder.path, "s");
};

describe.each([
  ["past the streams", false],
  ["through plain streams", true],
])("a socket %s", (_, plainStreams) => {
  test.each(["tcp", "unix"] as const)("carries bytes both ways: %s", async (kind) => {
    const endpoint: Endpoint = kind === "tcp" ? tcp : { kind: "unix", path: unixPath() };
    const { at, seen } = await listen({ endpoint, plainStreams });
    const client = opened.add(await connect(at));
    client.send("hello");
    await eventually(() => seen.events.includes("hello"));
    expect(seen.socket!.write(Buffer.from("one "))).toBe(true);
    expect(seen.socket!.writePieces([Buffer.from("two "), Buffer.from("three\n")])).toBe(true);
    expect(await client.readLine()).toBe("one two three");
    expect([seen.socket!.waiting, seen.events]).toEqual([0, ["hello"]]);
    expect([seen.socket!.remoteHost, seen.socket!.localHost]).toEqual(
      kind === "tcp" ? ["127.0.0.1", "127.0.0.1"] : ["", ""],
    );
  });

  test("leaves what lies before the offset of its read buffer to the handler", async () => {
    const readBuffer = Buffer.alloc(1024, ".");
    const starts: number[] = [];
    const { at } = await listen({
      plainStreams,
      readBuffer,
      readOffset: 100,
      accept: () => ({
        onBytes: (buffer, start) => starts.push(buffer === readBuffer ? start : 100),
        onDrain: () => undefined,
        onInputEnd: () => undefined,
        onClosed: () => undefined,
      }),
    });
    const client = opened.add(await connect(at));
    client.send("x".repeat(3000));
    await eventually(() => starts.length > 0);
    expect(new Set(starts)).toEqual(new Set([100]));
    expect(readBuffer.toString("latin1", 0, 100)).toBe(".".repeat(100));
  });

  test("says what waits while nobody reads, and once when all of it has gone", async () => {
    const { at, seen } = await listen({ plainStreams });
    const client = net.connect({ host: "127.0.0.1", port: at.kind === "tcp" ? at.port : 0 });
    opened.defer(() => void client.destroy());
    await once(client, "connect");
    await eventually(() => seen.socket !== undefined);
    client.pause();
    const piece = Buffer.alloc(4 * 1024 * 1024, "p");
    let isDone = false;
    let bytes = 0;
    while (seen.socket!.write(piece)) bytes += piece.length;
    bytes += piece.length;
    seen.socket!.writePieces([piece, piece], () => (isDone = true));
    bytes += 2 * piece.length;
    expect(seen.socket!.waiting).toBeGreaterThan(2 * piece.length);
    expect([isDone, seen.events]).toEqual([false, []]);
    let received = 0;
    client.on("data", (chunk: Buffer) => (received += chunk.length));
    client.resume();
    await eventually(() => received === bytes && seen.events.length > 0);
    expect([isDone, seen.socket!.waiting, seen.events]).toEqual([true, 0, ["<drain>"]]);
  });

  test("calls back for what was under way when the other side has gone", async () => {
    const { at, seen } = await listen({ plainStreams });
    const client = net.connect({ host: "127.0.0.1", port: at.kind === "tcp" ? at.port : 0 });
    await eventually(() => seen.socket !== undefined);
    let isDone = false;
    seen.socket!.writePieces([Buffer.alloc(32 * 1024 * 1024)], () => (isDone = true));
    expect(isDone).toBe(false);
    client.pause().destroy();
    await eventually(() => isDone && seen.events.length > 0);
    expect(seen.events.at(-1)).toMatch(/<closed>|<failed>/);
    expect(seen.socket!.write(Buffer.from("too late"))).toBe(true);
  });

  test("goes on writing to one that sends no more, and ends after what was written", async () => {
    const { at, seen } = await listen({ plainStreams });
    const client = net.connect({ host: "127.0.0.1", port: at.kind === "tcp" ? at.port : 0, allowHalfOpen: true });
    let text = "";
    client.on("data", (chunk: Buffer) => (text += chunk.toString()));
    client.end("last words");
    await eventually(() => seen.events.includes("<end>"));
    seen.socket!.write(Buffer.from("a"));
    seen.socket!.write(Buffer.from("b"));
    seen.socket!.end();
    await once(client, "end");
    await eventually(() => seen.events.includes("<closed>"));
    expect([text, seen.events]).toEqual(["ab", ["last words", "<end>", "<closed>"]]);
  });

  test("that is paused reads nothing until it is resumed", async () => {
    const { at, seen } = await listen({ plainStreams });
    const client = opened.add(await connect(at));
    client.send("1");
    await eventually(() => seen.events.length === 1);
    seen.socket!.pause();
    client.send("2");
    // What another connection brings has come after it.
    const other = opened.add(await connect(at));
    other.send("3");
    await eventually(() => seen.events.includes("3"));
    expect(seen.events).not.toContain("2");
  });
});

describe("a listener", () => {
  test("names the address that is in use", async () => {
    const { at } = await listen();
    await expect(listen({ endpoint: at })).rejects.toMatchObject({
      code: "address_in_use",
      message: expect.stringContaining(at.kind === "tcp" ? `127.0.0.1:${at.port}` : "") as string,
    });
  });

  test("takes the place of a socket that nobody listens to, with its own permissions", async () => {
    const path = unixPath();
    const left = net.createServer().listen(path);
    await once(left, "listening");
    // Closed without its file being removed, as by a kill.
    const { at } = await listen({ endpoint: { kind: "unix", path }, mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    opened.add(await connect(at));
    left.close();
  });

  test("leaves a file alone that is no socket", async () => {
    const path = unixPath();
    writeFileSync(path, "kept");
    await expect(listen({ endpoint: { kind: "unix", path } })).rejects.toMatchObject({ code: "address_in_use" });
    expect(existsSync(path)).toBe(true);
  });

  test("that refuses a connection tells it, and takes the next", async () => {
    let refusals = 1;
    const { at } = await listen({
      accept: (socket) => {
        if (refusals-- > 0) {
          socket.write(Buffer.from("no\n"));
          socket.end();
          return undefined;
        }
        socket.write(Buffer.from("yes\n"));
        return {
          onBytes: () => undefined,
          onDrain: () => undefined,
          onInputEnd: () => undefined,
          onClosed: () => undefined,
        };
      },
    });
    expect(await opened.add(await connect(at)).readLine()).toBe("no");
    expect(await opened.add(await connect(at)).readLine()).toBe("yes");
  });

  test("that is closed accepts no more, and leaves what is open", async () => {
    const { at, seen, listener } = await listen();
    const client = opened.add(await connect(at));
    await eventually(() => seen.socket !== undefined);
    await listener.close();
    await expect(connect(at)).rejects.toThrow();
    client.send("still here");
    await eventually(() => seen.events.includes("still here"));
  });
});

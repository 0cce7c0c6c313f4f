import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cleanup, connect, eventually, startFaultProxy, type FaultProxy, type TestConnection } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

describe("a fault proxy before an echo server", () => {
  let proxy: FaultProxy;
  let received: number[];

  beforeEach(async () => {
    received = [];
    const echo = createServer((socket) => {
      opened.defer(() => socket.destroy());
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        received.push(chunk.length);
        socket.write(chunk);
      });
    });
    opened.add(echo);
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    proxy = opened.add(await startFaultProxy((echo.address() as { port: number }).port));
  });

  const client = async (): Promise<TestConnection> => opened.add(await connect(proxy.endpoint));

  test("passes bytes both ways when it has no faults", async () => {
    const connection = await client();
    connection.send("hello");
    expect((await connection.read(5)).toString()).toBe("hello");
    expect(proxy.forwarded).toEqual({ up: 5, down: 5 });
  });

  test("splits writes", async () => {
    proxy.up.splitBytes = 3;
    proxy.up.delayMs = 2;
    const connection = await client();
    connection.send("0123456789");
    expect((await connection.read(10)).toString()).toBe("0123456789");
    expect(received).toEqual([3, 3, 3, 1]);
  });

  test("is as long as a cable: what is under way does not hold up what comes after it", async () => {
    proxy.up.latencyMs = 40;
    const connection = await client();
    const startedMs = performance.now();
    for (let i = 0; i < 10; i++) {
      connection.send(String(i));
      await connection.activity(2);
    }
    expect((await connection.read(10)).toString()).toBe("0123456789");
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(39);
    // Each of ten pieces behind the one before it would take 400 ms.
    expect(tookMs).toBeLessThan(350);
  });

  test("stalls until it is healed", async () => {
    proxy.down.stalled = true;
    const connection = await client();
    connection.send("x");
    await eventually(() => received.length === 1);
    await expect(connection.read(1, 30)).rejects.toMatchObject({ code: "timeout" });
    proxy.heal();
    expect((await connection.read(1)).toString()).toBe("x");
  });

  test("cuts what is open, and takes new connections", async () => {
    const connection = await client();
    connection.send("x");
    await connection.read(1);
    proxy.cut();
    await expect(connection.read(1)).rejects.toMatchObject({ code: "connection_lost" });
    const next = await client();
    next.send("y");
    expect((await next.read(1)).toString()).toBe("y");
  });

  test("cuts in the middle of an answer", async () => {
    proxy.cutAfter("down", 4);
    const connection = await client();
    connection.send("0123456789");
    await expect(connection.read(5)).rejects.toMatchObject({ code: "connection_lost" });
    expect(proxy.forwarded.down).toBe(4);
  });

  test("refuses while told so", async () => {
    proxy.refuse = true;
    // The reset may come before the client has seen that it is connected.
    await expect(client().then((refused) => refused.read(1))).rejects.toMatchObject({ code: "connection_lost" });
    proxy.heal();
    const taken = await client();
    taken.send("x");
    await taken.read(1);
    expect(proxy.accepted).toBe(2);
  });

  test("writes garbage into the answers", async () => {
    const connection = await client();
    connection.send("x");
    await connection.read(1);
    proxy.garbage("down", Buffer.from("\0\0"));
    expect([...(await connection.read(2))]).toEqual([0, 0]);
  });
});

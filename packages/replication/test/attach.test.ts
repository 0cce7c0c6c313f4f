// Two servers over real sockets: any start order attaches, content and changes arrive, the survivor takes over.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { client, expectSame, inStep, loopback, startNode, startPair, status } from "./support/group.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const pair = () => startPair(opened);

describe("two nodes", () => {
  test("what was there is copied, what changes is streamed, and a replica serves", async () => {
    const a = startNode(opened, {});
    const onA = await client(opened, a);
    for (let i = 0; i < 3000; i++) onA.send(`set key${i} ${i} 0 5 noreply\r\nvalue\r\n`);
    onA.send("mn\r\n");
    await onA.readUntil("MN\r\n");
    const b = startNode(opened, { peers: [loopback(a.port())] });
    const onB = await client(opened, b);
    expect(b.replication.role).toBe("slave");
    onA.send("set later 1 100 2\r\nhi\r\nappend later 0 0 1\r\n!\r\ndelete key7\r\ntouch key8 50\r\nincr none 1\r\n");
    await onA.readUntil("TOUCHED\r\nNOT_FOUND\r\n");
    await inStep(a);
    expectSame(b, a);
    onB.send("get later\r\n");
    expect(await onB.readUntil("END\r\n")).toBe("VALUE later 1 3\r\nhi!\r\nEND\r\n");
    expect((await status(onA)).get("full_copies_out")).toBe("1");
  });

  test("a replica's writes are the master's: one order, the answer after the effect", async () => {
    const [a, b] = await pair();
    const onB = await client(opened, b);
    const onA = await client(opened, a);
    onB.send(
      "set x 5 0 2\r\nhi\r\nget x\r\nincr x 1\r\nadd x 0 0 1\r\n1\r\ngets x\r\nset n 0 0 1\r\n5\r\nincr n 3\r\nmg n v T50\r\nmn\r\n",
    );
    expect(await onB.readUntil("MN\r\n")).toMatch(
      /^STORED\r\nVALUE x 5 2\r\nhi\r\nEND\r\nCLIENT_ERROR .*\r\nNOT_STORED\r\nVALUE x 5 2 1\r\nhi\r\nEND\r\nSTORED\r\n8\r\nVA 1\r\n8\r\nMN\r\n$/,
    );
    onA.send("get x n\r\n");
    expect(await onA.readUntil("END\r\n")).toContain("VALUE n 0 1\r\n8\r\n");
    await inStep(a);
    expectSame(b, a);
  });

  test("both nodes at once: 2 × 1000 incr give 2000", async () => {
    const [a, b] = await pair();
    const onA = await client(opened, a);
    const onB = await client(opened, b);
    onA.send("set n 0 0 1\r\n0\r\n");
    await onA.readUntil("STORED\r\n");
    for (const each of [onA, onB]) each.send("incr n 1\r\n".repeat(1000) + "mn\r\n");
    await Promise.all([onA.readUntil("MN\r\n"), onB.readUntil("MN\r\n")]);
    onA.send("get n\r\n");
    expect(await onA.readUntil("END\r\n")).toContain("\r\n2000\r\n");
    await inStep(a);
    expectSame(b, a);
  });

  test("the master closes: the replica is master, and the other comes back as its slave", async () => {
    const [a, b] = await pair();
    const onB = await client(opened, b);
    const port = a.port();
    await a.close();
    await eventually(() => b.replication.role === "master", { withinMs: 2000 });
    onB.send("set after 0 0 1\r\n1\r\n");
    await onB.readUntil("STORED\r\n");
    const again = startNode(opened, { listen: loopback(port), peers: [loopback(b.port())] });
    await again.ready;
    expect(again.replication.role).toBe("slave");
    await inStep(b);
    expectSame(again, b);
  });
});

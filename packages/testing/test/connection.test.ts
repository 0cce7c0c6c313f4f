import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { Cleanup, connect, freePort } from "../src/index.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    opened.defer(() => socket.destroy());
    onConnection(socket);
  });
  opened.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

test("reads by count, by pattern, by line and to the end, and keeps what is over", async () => {
  const port = await serve((socket) => socket.end("abcdef\r\nVALUE 12 x\nrest"));
  const connection = opened.add(await connect(port));
  expect((await connection.read(3)).toString()).toBe("abc");
  expect(await connection.readLine()).toBe("def");
  expect(await connection.readUntil(/VALUE \d+ /)).toBe("VALUE 12 ");
  expect(await connection.readUntil("\n")).toBe("x\n");
  expect((await connection.readToEnd()).toString()).toBe("rest");
});

test("a read that cannot be filled says what it waited for and what came instead", async () => {
  const port = await serve((socket) => socket.write("abc"));
  const connection = opened.add(await connect(port));
  await expect(connection.read(4, 30)).rejects.toMatchObject({
    code: "timeout",
    message: `127.0.0.1:${port}: no 4 bytes within 30 ms, after "abc"`,
  });
});

test("a read on a connection that the other side closes fails at once", async () => {
  const port = await serve((socket) => socket.end("abc"));
  const connection = opened.add(await connect(port));
  await expect(connection.readLine()).rejects.toMatchObject({ code: "connection_lost" });
});

test("after finish() answers still arrive", async () => {
  const port = await serve((socket) => {
    socket.resume().on("end", () => socket.end("bye"));
  });
  const connection = opened.add(await connect(port));
  connection.finish();
  expect((await connection.readToEnd()).toString()).toBe("bye");
});

test("a port that nobody listens on is connection_lost", async () => {
  await expect(connect(await freePort())).rejects.toMatchObject({ code: "connection_lost" });
});

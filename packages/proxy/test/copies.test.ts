// A value of 1 MiB on its way through the proxy is copied at most twice in memory, in either direction: what is copied in
// this process, in pieces worth counting, is counted.

import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { Cleanup, within } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { named, startProxy, startServer } from "./support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let port: number;
beforeAll(async () => {
  const server = await startServer(shared);
  port = (await startProxy(shared, named(server.port))).port;
});
afterEach(() => {
  vi.restoreAllMocks();
  return opened.run();
});
afterAll(() => shared.run());

const VALUE_BYTES = 1024 * 1024 - 512;

/** Sends a request and waits for so many bytes, none of which is kept. */
async function ask(socket: Socket, request: Buffer, answerBytes: number): Promise<void> {
  let left = answerBytes;
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
  });
  socket.write(request);
  await within(10_000, answered, `${left} bytes did not come`);
  socket.removeAllListeners("data");
}

/** Counts the bytes that are copied between buffers from now on. */
function countCopies(): () => number {
  let bytes = 0;
  const { copy } = Buffer.prototype;
  vi.spyOn(Buffer.prototype, "copy").mockImplementation(function (this: Buffer, target, ...range) {
    const copied = copy.call(this, target, ...range) as number;
    bytes += copied;
    return copied;
  });
  const { set } = Uint8Array.prototype;
  vi.spyOn(Uint8Array.prototype, "set").mockImplementation(function (
    this: Uint8Array,
    from: ArrayLike<number>,
    offset,
  ) {
    bytes += from.length;
    set.call(this, from, offset);
  });
  const { concat } = Buffer;
  vi.spyOn(Buffer, "concat").mockImplementation((list, total) => {
    const all = concat.call(Buffer, list, total);
    bytes += all.length;
    return all;
  });
  return () => bytes;
}

test.each(["set", "get"])("a %s of 1 MiB: at most 2 copies", async (command) => {
  const socket = dial(port, "127.0.0.1");
  opened.defer(() => void socket.destroy());
  await once(socket, "connect");
  const set = Buffer.alloc(VALUE_BYTES + 64, "v");
  const line = `set large 0 0 ${VALUE_BYTES}\r\n`;
  set.write(line, "latin1");
  const end = line.length + VALUE_BYTES;
  set.write("\r\n", end, "latin1");
  const request = set.subarray(0, end + 2);
  if (command === "get") await ask(socket, request, "STORED\r\n".length);

  const copied = countCopies();
  if (command === "set") await ask(socket, request, "STORED\r\n".length);
  else
    await ask(socket, Buffer.from("get large\r\n"), `VALUE large 0 ${VALUE_BYTES}\r\n\r\nEND\r\n`.length + VALUE_BYTES);
  const copies = copied() / VALUE_BYTES;
  expect(copies).toBeGreaterThan(0.9);
  expect(copies).toBeLessThan(2.01);
  console.log(`a ${command} of 1 MiB: ${copies.toFixed(2)} copies`);
});

// The floor must be right before it can be a measure: its answers, cut at every byte.

import { createServer, type Socket } from "node:net";
import { Cleanup, within } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { openFloor } from "../../src/subjects/clients/floor.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** A server that answers the first write with `pieces`, each in a read of its own. */
async function serverOf(pieces: readonly string[]): Promise<number> {
  const answer = async (socket: Socket) => {
    socket.setNoDelay(true);
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise(setImmediate);
    }
  };
  const server = createServer((socket) => {
    socket.once("data", () => void answer(socket));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => void server.close());
  return (server.address() as { port: number }).port;
}

const answers =
  "HD\r\nVA 5\r\nhe\r\no\r\nEN\r\nVALUE a 0 1\r\n1\r\nVALUE longer 12 11\r\nhello world\r\nEND\r\nEND\r\nVA 0\r\n\r\n";

test.each(Array.from({ length: answers.length - 1 }, (_, i) => i + 1))(
  "answers cut at byte %i are read",
  async (at) => {
    const floor = await openFloor(await serverOf([answers.slice(0, at), answers.slice(at)]));
    opened.defer(() => void floor.close());
    const calls = Promise.all([
      floor.set("k", "v"),
      floor.get("k"),
      floor.get("none"),
      floor.getMany(["a", "b", "longer"]),
      floor.getMany(["c"]),
      floor.get("empty"),
    ]);
    const results = await within(5000, calls, "not all calls were answered");
    const found = new Map([
      ["a", "1"],
      ["longer", "hello world"],
    ]);
    expect(results).toEqual([true, "he\r\no", undefined, found, new Map(), ""]);
  },
);

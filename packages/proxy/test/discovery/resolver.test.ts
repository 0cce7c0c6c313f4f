// The system's DNS, against a server of our own that says nothing or answers.

import { createSocket, type Socket } from "node:dgram";
import { isCacheError } from "@marugoto/core";
import { Cleanup } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { DnsResolver } from "../../src/discovery/resolver.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** A resolver that asks a server of this test; `answer` makes a reply from a query. */
async function startDns(answer: (query: Buffer) => Buffer | undefined): Promise<DnsResolver> {
  const socket: Socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const reply = answer(query);
    if (reply) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  opened.defer(() => {
    socket.close();
  });
  return new DnsResolver([`127.0.0.1:${socket.address().port}`]);
}

const TYPE_A = 1;
const TYPE_SRV = 33;

/** A reply with `records` for queries of `type`, and without any for others. */
function reply(query: Buffer, type: number, records: readonly Buffer[]): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const asked = query.readUInt16BE(end - 4);
  const data = asked === type ? records : [];
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(data.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  const answers = data.map((rdata) => {
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(5, 6);
    record.writeUInt16BE(rdata.length, 10);
    return Buffer.concat([record, rdata]);
  });
  return Buffer.concat([head, ...answers]);
}

test("all A records, with none of the other kind", async () => {
  const dns = await startDns((query) => reply(query, TYPE_A, [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])]));
  const found = await dns.addresses("cache.example.net", 2000);
  expect([...found].sort()).toEqual(["10.0.0.1", "10.0.0.2"]);
});

test("SRV records", async () => {
  const rdata = Buffer.concat([
    Buffer.from([0, 1, 0, 5, 0x2c, 0x0b]),
    Buffer.from([3]),
    Buffer.from("m-0"),
    Buffer.from([0]),
  ]);
  const dns = await startDns((query) => reply(query, TYPE_SRV, [rdata]));
  expect(await dns.services("_memcache._tcp.example.net", 2000)).toEqual([{ host: "m-0", port: 11275, weight: 5 }]);
});

test("a name without records, and a DNS that is silent, are errors", async () => {
  const empty = await startDns((query) => reply(query, TYPE_SRV, []));
  const none = await empty.addresses("cache.example.net", 2000).catch((error: unknown) => error);
  expect(isCacheError(none) && none.code).toBe("no_server");
  const mute = await startDns(() => undefined);
  const silent = await mute.addresses("cache.example.net", 100).catch((error: unknown) => error);
  expect(isCacheError(silent) && [silent.code, silent.message]).toEqual([
    "timeout",
    "cache.example.net: no answer within 100 ms",
  ]);
});

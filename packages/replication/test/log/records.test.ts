// Records from outside: what is let through lies within its bounds, whatever the bytes.

import { freshSeed, seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { Scratch } from "../../src/log/effect-log.ts";
import {
  checkRecord,
  forEachEffect,
  readEnvelope,
  writeEnvelope,
  writeFlush,
  writeRemove,
} from "../../src/log/records.ts";

function sample(): Buffer[] {
  const inner = new Scratch(64);
  writeRemove(inner, Buffer.from("key"), 0, 3, 1000, 2);
  writeFlush(inner, 5000, 1001, 2);
  const records: Buffer[] = [Buffer.from(inner.written)];
  const outer = new Scratch(64);
  const id = Buffer.alloc(16, 9);
  writeEnvelope(outer, { id, number: 3, floor: 2, answer: Buffer.from("STORED\r\n"), records: inner.written }, 1002, 1);
  records.push(Buffer.from(outer.written));
  outer.clear();
  writeEnvelope(outer, { id, number: 4, floor: 2, answer: undefined, records: Buffer.alloc(0) }, 1003, 1);
  records.push(Buffer.from(outer.written));
  return records;
}

test("an envelope comes back as it was written", () => {
  const [, envelope] = sample();
  expect(checkRecord(envelope!, 0, envelope!.length)).toBeUndefined();
  const { number, floor, answer, records } = readEnvelope(envelope!, 0);
  expect([number, floor, answer!.toString()]).toEqual([3, 2, "STORED\r\n"]);
  const kinds: number[] = [];
  forEachEffect(envelope!, 0, envelope!.length, (buffer, at) => kinds.push(buffer[at]!));
  expect(kinds).toEqual([2, 4]);
  expect(records.length).toBe(17 + 20);
});

test("a record that is cut short, or of a wrong length, is not let through", () => {
  for (const record of sample().slice(1)) {
    for (let end = 8; end < record.length; end++) expect(checkRecord(record, 0, end)).toBeTypeOf("string");
  }
});

test("random bytes and random changes never lead outside the buffer", () => {
  const seed = freshSeed();
  const random = seededRandom(seed);
  const good = sample();
  for (let i = 0; i < 20_000; i++) {
    const bytes = random.chance(0.5) ? Buffer.from(random.pick(good)) : random.bytes(random.between(8, 200));
    for (let n = random.int(4); n > 0; n--) bytes[random.int(bytes.length)] = random.int(256);
    if (random.chance(0.5)) bytes.writeUInt32BE(bytes.length, 4);
    if (checkRecord(bytes, 0, bytes.length) !== undefined) continue;
    forEachEffect(bytes, 0, bytes.length, (buffer, at) => {
      expect(at + buffer.readUInt32BE(at + 4), `seed ${seed}`).toBeLessThanOrEqual(buffer.length);
    });
  }
});

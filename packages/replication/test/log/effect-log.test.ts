// The log against a plain array of records: what it keeps, what it drops, and where reading goes on.

import { freshSeed, seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { EffectLog } from "../../src/log/effect-log.ts";

function record(number: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(14 + bytes, number & 0xff);
  buffer[0] = 2;
  buffer.writeUInt32BE(buffer.length, 4);
  buffer.writeUIntBE(number, 8, 6);
  return buffer;
}

test("random appends, reads and truncations: the same bytes as a plain list", () => {
  const seed = freshSeed();
  const random = seededRandom(seed);
  const log = new EffectLog(256 * 1024);
  let records: { readonly start: number; readonly bytes: Buffer }[] = [];
  for (let i = 0; i < 20_000; i++) {
    const bytes = record(i, random.chance(0.01) ? random.int(60_000) : random.int(200));
    records.push({ start: log.end, bytes });
    log.append(bytes, 0, bytes.length);
    if (random.chance(0.001)) {
      const kept = records.filter(({ start }) => start >= log.start);
      const cut = random.pick(kept).start;
      log.truncate(cut);
      records = records.filter(({ start }) => start < cut);
    }
    if (!random.chance(0.02)) continue;
    const from = random.pick(records).start;
    const expected = Buffer.concat(records.filter(({ start }) => start >= from).map((each) => each.bytes));
    const pieces: Buffer[] = [];
    let at = from;
    for (;;) {
      const piece = log.read(at, random.between(100, 50_000));
      if (piece === undefined || piece.length === 0) break;
      pieces.push(Buffer.from(piece));
      at += piece.length;
    }
    if (from < log.start) expect(pieces, `seed ${seed}`).toEqual([]);
    else expect(Buffer.concat(pieces).equals(expected), `seed ${seed}, record ${i}`).toBe(true);
  }
  expect(log.end - log.start).toBeLessThanOrEqual(log.capacity);
  expect(log.start).toBeGreaterThan(0);
});

test("what a reader holds stays as it is when the log drops or truncates it", () => {
  const log = new EffectLog(64 * 1024);
  const first = record(1, 100);
  log.append(first, 0, first.length);
  const held = log.read(0, 1000)!;
  log.lend(0);
  log.truncate(0);
  for (let i = 0; i < 2000; i++) log.append(record(i, 100), 0, 114);
  expect(held.equals(first)).toBe(true);
  expect(log.read(0, 100)).toBeUndefined();
});

test("what was lent stays as it is when the log has gone on; the memory of the rest is used again", () => {
  const log = new EffectLog(64 * 1024);
  const memory = new Set<ArrayBufferLike>();
  const lent: { readonly view: Buffer; readonly copy: Buffer }[] = [];
  for (let i = 0; i < 20_000; i++) {
    const at = log.end;
    const bytes = record(i, 100);
    log.append(bytes, 0, bytes.length);
    memory.add(log.buffer.buffer);
    if (i % 1000 !== 0) continue;
    log.lend(at);
    const view = log.read(at, 200)!;
    lent.push({ view, copy: Buffer.from(view) });
  }
  for (const { view, copy } of lent) expect(view.equals(copy)).toBe(true);
  // 2.3 MB in chunks of 16 KiB: those of the backlog, one to spare, and those that were lent.
  expect(memory.size).toBeLessThanOrEqual(4 + 1 + lent.length);
});

test("what was given back is used again", () => {
  const log = new EffectLog(64 * 1024);
  const memory = new Set<ArrayBufferLike>();
  let giveBack: (() => void) | undefined;
  for (let i = 0; i < 20_000; i++) {
    const at = log.end;
    const bytes = record(i, 100);
    log.append(bytes, 0, bytes.length);
    memory.add(log.buffer.buffer);
    if (i % 10 !== 0) continue;
    giveBack?.();
    giveBack = log.lend(at);
  }
  expect(memory.size).toBeLessThanOrEqual(4 + 1);
});

test("memory of records longer than a chunk is used again for those of about their length", () => {
  const log = new EffectLog(1024 * 1024);
  const memory = new Set<ArrayBufferLike>();
  for (let i = 0; i < 1000; i++) {
    const bytes = record(i, 100_000 + (i % 7) * 1000);
    log.append(bytes, 0, bytes.length);
    memory.add(log.buffer.buffer);
    expect(log.read(log.end - bytes.length, 1)!.equals(bytes)).toBe(true);
    expect(log.end - log.start).toBeLessThanOrEqual(log.capacity);
  }
  expect(memory.size).toBeLessThan(20);
});

test("after reset the offset goes on where it was told", () => {
  const log = new EffectLog(64 * 1024);
  log.reset(1_000_000);
  expect([log.start, log.end]).toEqual([1_000_000, 1_000_000]);
  expect(log.read(1_000_000, 10)).toHaveLength(0);
  expect(log.read(5, 10)).toBeUndefined();
  expect(() => {
    log.truncate(5);
  }).toThrow("offset 5 lies outside the log, 1000000 to 1000000");
});

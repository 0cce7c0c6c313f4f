// Cutting a stream into frames: whatever way the bytes come in, the same frames go out.

import { freshSeed, seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { FrameReader } from "../../src/wire/frame-reader.ts";

function frame(kind: number, payload: number): Buffer {
  const buffer = Buffer.alloc(8 + payload, kind);
  buffer.writeUInt32BE(buffer.length, 4);
  return buffer;
}

function reader(maxBytes = 100_000): { frames: string[]; push: (bytes: Buffer) => string | undefined } {
  const frames: string[] = [];
  const cut = new FrameReader(maxBytes, (buffer, at, end) => {
    frames.push(buffer.toString("hex", at, end));
    return true;
  });
  return { frames, push: (bytes) => cut.push(bytes, 0, bytes.length) };
}

const stream = [frame(1, 0), frame(2, 1), frame(3, 300), frame(16, 7), frame(4, 0)];
const bytes = Buffer.concat(stream);
const expected = stream.map((each) => each.toString("hex"));

test("every split into three pieces gives the same frames", () => {
  for (let a = 0; a <= bytes.length; a += 1) {
    for (const b of [a, Math.min(a + 1, bytes.length), Math.min(a + 9, bytes.length), bytes.length]) {
      const { frames, push } = reader();
      for (const [from, to] of [
        [0, a],
        [a, b],
        [b, bytes.length],
      ] as const) {
        expect(push(bytes.subarray(from, to))).toBeUndefined();
      }
      expect(frames).toEqual(expected);
    }
  }
});

test("long frames in random pieces", () => {
  const seed = freshSeed();
  const random = seededRandom(seed);
  const long = Array.from({ length: 40 }, () => frame(random.between(1, 30), random.pick([0, 5, 4096, 70_000])));
  const all = Buffer.concat(long);
  const { frames, push } = reader();
  for (let at = 0; at < all.length;) {
    const size = random.pick([1, 7, 1000, 65_536]);
    expect(push(all.subarray(at, at + size)), `seed ${seed}`).toBeUndefined();
    at += size;
  }
  expect(frames, `seed ${seed}`).toEqual(long.map((each) => each.toString("hex")));
});

test("long frames that come in pieces lie in the same memory, one after the other", () => {
  const memory: ArrayBufferLike[] = [];
  const cut = new FrameReader(10_000_000, (buffer) => {
    memory.push(buffer.buffer);
    return true;
  });
  const long = frame(1, 1_000_000);
  for (let i = 0; i < 5; i++) {
    for (let at = 0; at < long.length; at += 65_536) cut.push(long, at, Math.min(at + 65_536, long.length));
  }
  expect(memory).toHaveLength(5);
  expect(new Set(memory).size).toBe(1);
});

test.each([
  [0, "frame of 0 bytes, from 8 to 100 expected"],
  [7, "frame of 7 bytes, from 8 to 100 expected"],
  [101, "frame of 101 bytes, from 8 to 100 expected"],
  [0xffff_ffff, "frame of 4294967295 bytes, from 8 to 100 expected"],
])("a length of %i ends the reading, however it comes in", (length, fault) => {
  const bad = Buffer.alloc(8);
  bad.writeUInt32BE(length, 4);
  const whole = reader(100);
  expect(whole.push(bad)).toBe(fault);
  expect(whole.push(frame(1, 0))).toBeUndefined();
  expect(whole.frames).toEqual([]);
  const single = reader(100);
  const said = [...bad].map((byte) => single.push(Buffer.from([byte])));
  expect(said.filter((each) => each !== undefined)).toEqual([fault]);
});

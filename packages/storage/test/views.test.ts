import { describe, expect, test } from "vitest";
import { copyWords, equalWords, RepeatedView, viewOf } from "../src/views.ts";

const source = Buffer.from(Array.from({ length: 240 }, (_, i) => (i * 37 + 5) & 0xff)).subarray(3);

describe("copyWords", () => {
  test("copies exactly the range, for every length and every alignment", () => {
    for (let length = 4; length <= 200; length++) {
      for (const start of [0, 1, 2, 3]) {
        for (const at of [0, 1, 2, 3]) {
          const target = Buffer.alloc(210, "#");
          copyWords(viewOf(source), start, start + length, viewOf(target), at);
          const expected = Buffer.alloc(210, "#");
          source.copy(expected, at, start, start + length);
          if (!target.equals(expected)) expect.fail(`length ${length} from ${start} to ${at}`);
        }
      }
    }
  });
});

describe("equalWords", () => {
  test("sees each single byte that differs, and no byte outside", () => {
    for (let length = 4; length <= 40; length++) {
      const copy = Buffer.concat([Buffer.alloc(5, 1), source.subarray(2, 2 + length), Buffer.alloc(5, 1)]);
      const view = viewOf(copy);
      expect(equalWords(view, 5, viewOf(source), 2, 2 + length)).toBe(true);
      for (let i = 0; i < length; i++) {
        copy[5 + i]! ^= 1;
        if (equalWords(view, 5, viewOf(source), 2, 2 + length)) expect.fail(`byte ${i} of ${length} is not seen`);
        copy[5 + i]! ^= 1;
      }
    }
  });
});

describe("RepeatedView", () => {
  const buffers = (count: number) => Array.from({ length: count }, (_, i) => Buffer.alloc(8).subarray(i));

  test("a buffer gets a view when it comes a second time", () => {
    const views = new RepeatedView();
    const [, a] = buffers(2);
    expect(views.of(a!)).toBeUndefined();
    const view = views.of(a!);
    expect(view?.byteOffset).toBe(a!.byteOffset);
    expect(view?.byteLength).toBe(7);
    expect(views.of(a!)).toBe(view);
  });

  test("two that take turns keep theirs, whatever comes between", () => {
    const views = new RepeatedView();
    const [a, b, c, d] = buffers(4) as [Buffer, Buffer, Buffer, Buffer];
    const [ofA, ofB] = [a, a, b, b].map((each) => views.of(each)).filter((view) => view !== undefined);
    for (const other of [c, d, c, d]) {
      expect(views.of(a)).toBe(ofA);
      expect(views.of(other)).toBeUndefined();
      expect(views.of(b)).toBe(ofB);
    }
  });

  test("a third one takes the place of the older of the two", () => {
    const views = new RepeatedView();
    const [a, b, c] = buffers(3) as [Buffer, Buffer, Buffer];
    const [, ofB, ofC] = [a, a, b, b, c, c].map((each) => views.of(each)).filter((view) => view !== undefined);
    expect(views.of(c)).toBe(ofC);
    expect(views.of(b)).toBe(ofB);
    expect(views.of(a)).toBeUndefined();
  });
});

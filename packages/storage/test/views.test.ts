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
  test("a buffer gets a view when it comes a second time in a row", () => {
    const views = new RepeatedView();
    const [a, b] = [Buffer.alloc(8), Buffer.alloc(8).subarray(2)];
    expect(views.of(a)).toBeUndefined();
    const view = views.of(a);
    expect(view).toBeInstanceOf(DataView);
    expect(views.of(a)).toBe(view);
    expect(views.of(b)).toBeUndefined();
    expect(views.of(b)?.byteOffset).toBe(b.byteOffset);
    expect(views.of(b)?.byteLength).toBe(6);
    expect(views.of(a)).toBeUndefined();
  });
});

import { expect, test } from "vitest";
import { eventually, within } from "../src/index.ts";

test("eventually() gives what the first good attempt gave", async () => {
  let tries = 0;
  const value = await eventually(() => {
    tries++;
    if (tries < 3) throw new Error("not yet");
    return tries;
  });
  expect(value).toBe(3);
});

test("eventually() ends with the last failure when the time is over", async () => {
  const attempt = eventually(
    () => {
      throw new Error("no rows");
    },
    { withinMs: 20 },
  );
  await expect(attempt).rejects.toMatchObject({ code: "timeout", message: "not so within 20 ms: no rows" });
});

test("eventually() tries once even when no time is given", async () => {
  await expect(eventually(() => 1, { withinMs: 0 })).resolves.toBe(1);
});

test("within() fails with its sentence when the promise is late", async () => {
  await expect(within(5, new Promise(() => undefined), "nothing came")).rejects.toThrow("nothing came within 5 ms");
  await expect(within(1000, Promise.resolve(4), "nothing came")).resolves.toBe(4);
});

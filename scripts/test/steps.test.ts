import { afterEach, expect, test, vi } from "vitest";
import { runSteps } from "../lib/steps.mjs";

const lines: string[] = [];
vi.spyOn(console, "log").mockImplementation((line: string) => {
  lines.push(line);
});
afterEach(() => {
  lines.length = 0;
});

const step =
  (ok: boolean, output = "") =>
  async () => ({ ok, output });

test("a step that fails shows its output, one that is fine doesn't", async () => {
  const failed = await runSteps(
    [
      ["a", step(true, "chatter")],
      ["b", step(false, "the reason\n")],
    ],
    1,
  );
  expect(failed).toEqual(["b"]);
  expect(lines[0]).toMatch(/^ok {6}a +\d+\.\d s$/);
  expect(lines[1]).toMatch(/^FAILED {2}b +\d+\.\d s$/);
  expect(lines[2]).toBe("the reason");
  expect(lines).toHaveLength(3);
});

test("a step that throws has failed, and the others still run", async () => {
  const failed = await runSteps(
    [
      ["a", () => Promise.reject(new Error("broken"))],
      ["b", step(true)],
    ],
    1,
  );
  expect(failed).toEqual(["a"]);
  expect(lines[1]).toContain("Error: broken");
  expect(lines.at(-1)).toMatch(/^ok {6}b/);
});

test("no more run at a time than asked for", async () => {
  let running = 0;
  let most = 0;
  const busy = async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    return { ok: true, output: "" };
  };
  await runSteps(
    ["a", "b", "c", "d", "e"].map((name) => [name, busy]),
    2,
  );
  expect(most).toBe(2);
});

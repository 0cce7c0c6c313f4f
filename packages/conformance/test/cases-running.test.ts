import { describe, expect, test } from "vitest";
import { runningTarget } from "../src/index.ts";
import { describeCases } from "./describe-cases.ts";

const address = process.env.MEMCACHED_ADDR ?? "";

describe.skipIf(address === "")("the cases against the server at MEMCACHED_ADDR", async () => {
  if (address === "") return;
  const target = await runningTarget(address);
  describeCases({ dialect: target.dialect, shared: true, flagSets: [[]], open: () => Promise.resolve(target) });
});

test("an address that nobody answers at fails, it is not skipped", async () => {
  await expect(runningTarget("127.0.0.1:1")).rejects.toMatchObject({ code: "connection_lost" });
});

import { describe, expect, test } from "vitest";
import { ALREADY_EXPIRED, LAST_EXPIRY, NEVER, toExpiry } from "../src/index.ts";

const clock = { seconds: 100, startedAtUnix: 1_700_000_000 };
const DAYS_30 = 2_592_000;

describe("an exptime becomes a second of the clock", () => {
  test.each([
    ["0: never", 0, NEVER],
    ["1 second from now", 1, 101],
    ["30 days from now", DAYS_30, 100 + DAYS_30],
    ["30 days and a second is a Unix time long past", DAYS_30 + 1, ALREADY_EXPIRED],
    ["31 days, too", 2_678_400, ALREADY_EXPIRED],
    ["negative: already expired", -1, ALREADY_EXPIRED],
    ["the smallest 32-bit number", -(2 ** 31), ALREADY_EXPIRED],
    ["a Unix time in the future", 1_700_000_500, 500],
    ["a Unix time between the clock's start and now", 1_700_000_050, 50],
    ["the Unix time of second 0", 1_700_000_000, ALREADY_EXPIRED],
    ["a Unix time beyond what can be told from never", 2 ** 33, LAST_EXPIRY],
  ])("%s", (_, exptime, expiry) => {
    expect(toExpiry(exptime, clock)).toBe(expiry);
  });
});

import { memcachedVersion } from "@marugoto/testing";
import { describe } from "vitest";
import { memcachedTarget, toDialect } from "../src/index.ts";
import { describeCases } from "./describe-cases.ts";
import { useRecordedMemcached } from "./recorded-memcached.ts";

const memcached = useRecordedMemcached("the cases against real memcached");
describe.skipIf(memcached.isMissing)(memcached.title, () => {
  if (memcached.isMissing) return;
  const dialect = toDialect(memcachedVersion(memcached.path));
  describeCases({ dialect, shared: false, open: (flags) => memcachedTarget(flags, memcached.path) });
});

import { describe } from "vitest";
import { proxyTarget } from "../src/index.ts";
import { describeCases } from "./describe-cases.ts";

describe("the cases against our server behind our proxy", () => {
  describeCases({ dialect: "proxy", shared: false, flagSets: [[]], open: () => proxyTarget() });
});

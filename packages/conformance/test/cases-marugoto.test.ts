import { describe } from "vitest";
import { marugotoTarget } from "../src/index.ts";
import { describeCases } from "./describe-cases.ts";

describe("the cases against our server", () => {
  describeCases({ dialect: "marugoto", shared: false, open: marugotoTarget });
});

import { mergeConfig } from "vitest/config";
import base from "../vitest.config.base.ts";

// Each of these starts several programs, which takes its time on a busy machine.
export default mergeConfig(base, { test: { testTimeout: 120_000 } });

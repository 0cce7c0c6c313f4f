import { defineConfig } from "vitest/config";

// Siblings are read from their sources, so no build is needed before a package's own tests.
const conditions = ["source", "module", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // The timeouts end what hangs; a machine with ten other things to do must not meet them.
  test: { include: ["test/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000 },
});

import { defineConfig, type Options } from "tsup";

/** How every package is built: one ESM entry with declarations, for Node 20 and later. */
export const library = (options: Options = {}) =>
  defineConfig({
    entry: ["src/index.ts"],
    format: ["esm"],
    target: "node20",
    platform: "node",
    dts: true,
    sourcemap: true,
    clean: true,
    ...options,
  });

/** How every app is built: `dist/main.js`, one file that runs alone in an empty folder. */
export const app = (options: Options = {}) =>
  library({
    entry: ["src/main.ts"],
    dts: false,
    noExternal: [/.*/],
    banner: {
      // Bundled CommonJS libraries call require(); an ES module has none of its own.
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    ...options,
  });

// `npm run bench -- NAME …` and `npm run soak -- NAME …`: installs, builds, and hands over to benchmarks/src/main.ts, which
// runs from its sources on the pinned Node.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, install } from "./lib/install.mjs";
import { pinnedNode, root } from "./lib/workspace.mjs";

const env = await install();
await build(env, ["marugoto-server"]);
const args = ["--conditions=source", join(root, "benchmarks/src/main.ts"), ...process.argv.slice(2)];
const child = spawn(pinnedNode(), args, { stdio: "inherit", env });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`The run did not start: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code) => process.exit(code ?? 1));

// `npm start`: installs, builds and runs the server in the foreground. Arguments are the server's own flags.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { build, install } from "./lib/install.mjs";
import { watchParent } from "./lib/parent.mjs";
import { pinnedNode, root } from "./lib/workspace.mjs";

let stopping = false;
let server;
const stop = (signal) => {
  stopping = true;
  server?.kill(signal);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGUSR1"]) process.on(signal, () => stop(signal));
// The server itself outlives a closed terminal; started by npm in the foreground it ends with it.
process.on("SIGHUP", () => stop("SIGTERM"));
watchParent(() => stop("SIGTERM"));

const env = await install();
await build(env, ["marugoto-server"]);
if (stopping) process.exit(0);
server = spawn(pinnedNode(), [join(root, "apps/server/dist/main.js"), ...process.argv.slice(2)], { stdio: "inherit" });
server.on("error", (error) => {
  console.error(`The server did not start: ${error.message}`);
  process.exit(1);
});
server.on("exit", (code) => process.exit(code ?? 1));

// Tells when the npm that started this process has gone. npm passes on no SIGTERM, and a killed npm can't; without this a
// server would outlive `npm start`.

import { execFileSync } from "node:child_process";

/** One column of ps about a process, "" when there is no such process. */
function ps(pid, column) {
  try {
    return execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "";
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/**
 * Calls `gone` once when the process that started this one has ended. Under npm that may be a shell which outlives npm, so
 * the npm above it is watched as well.
 *
 * @returns the function that ends the watch
 */
export function watchParent(gone, everyMs = 200) {
  const watched = [process.ppid];
  const underNpm = process.env.npm_lifecycle_event !== undefined;
  if (underNpm && /(^|\/)(ba|da|z|k)?sh$/.test(ps(process.ppid, "comm"))) {
    const npm = Number(ps(process.ppid, "ppid"));
    if (npm > 1) watched.push(npm);
  }
  // An orphan is given another parent, so the first is also compared: its id might be taken again.
  const timer = setInterval(() => {
    if (process.ppid === watched[0] && watched.every(alive)) return;
    clearInterval(timer);
    gone();
  }, everyMs);
  return () => clearInterval(timer);
}

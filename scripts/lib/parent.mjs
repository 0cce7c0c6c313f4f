// Tells when the npm that started this process has gone. npm passes on no SIGTERM, and a killed npm can't; without this a
// server would outlive `npm start`.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const hasProc = existsSync("/proc/self/stat");

/**
 * The name and the parent of a process. Read from /proc where there is one: slim images have no ps.
 *
 * @returns undefined when there is no such process
 */
function processInfo(pid) {
  try {
    if (hasProc) {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const nameEnd = stat.lastIndexOf(")"); // The name may itself hold spaces and brackets.
      return {
        name: stat.slice(stat.indexOf("(") + 1, nameEnd),
        parent: Number(stat.slice(nameEnd + 2).split(" ")[1]),
      };
    }
    const row = execFileSync("ps", ["-o", "ppid=,comm=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
    const [parent, ...name] = row.split(/\s+/);
    return { name: name.join(" ").split("/").at(-1), parent: Number(parent) };
  } catch {
    return undefined;
  }
}

const isShell = (info) => info !== undefined && /^-?(ba|da|z|k)?sh$/.test(info.name);
const isNpm = (info) => info !== undefined && /^(npm|node|MainThread)/.test(info.name);

/**
 * Calls `gone` once when the process that started this one has ended. Under npm that may be a shell which outlives npm:
 * then the shell's own parent counts.
 *
 * @returns the function that ends the watch
 */
export function watchParent(gone, everyMs = 200) {
  const parent = process.ppid;
  const shell = process.env.npm_lifecycle_event === undefined ? undefined : processInfo(parent);
  const npm = isShell(shell) ? shell.parent : undefined;
  // Had npm ended before this line, the shell would by now be the child of whoever takes orphans.
  const tooLate = npm !== undefined && !isNpm(processInfo(npm));
  // An orphan is given another parent at once, even if nobody has asked for the end of the old one.
  const timer = setInterval(() => {
    const together = process.ppid === parent && (npm === undefined || processInfo(parent)?.parent === npm);
    if (together && !tooLate) return;
    clearInterval(timer);
    gone();
  }, everyMs);
  return () => clearInterval(timer);
}

// Where things lie in this repository, for tests that start what was built.

import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const repositoryRoot: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** How to start an app: the command and its first arguments. */
export interface AppCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * The path of an app's built file, e.g. `builtApp("server")` → `…/apps/server/dist/main.js`.
 *
 * @throws Error in a sentence that says what to run, when the file is missing or older than a source that goes into it
 */
export function builtApp(name: string, root = repositoryRoot): string {
  const built = join(root, "apps", name, "dist", "main.js");
  const say = (why: string) =>
    new Error(
      `${relative(root, built)} ${why}: run \`npx -y pnpm@10.34.9 --filter "marugoto-${name}..." build\` first`,
    );
  if (!existsSync(built)) throw say("is missing");
  const builtAt = statSync(built).mtimeMs;
  const sources = [join(root, "apps", name, "src"), ...bundledPackages(root).map((folder) => join(folder, "src"))];
  for (const folder of sources) {
    const newer = newerFile(folder, builtAt);
    if (newer !== undefined) throw say(`is older than ${relative(root, newer)}`);
  }
  return built;
}

/**
 * How to start an app: its built file; or its sources, when MARUGOTO_APPS is `source` (quick while working on them,
 * needs a Node that reads TypeScript).
 */
export function appCommand(name: string): AppCommand {
  if (process.env["MARUGOTO_APPS"] === "source") {
    const main = join(repositoryRoot, "apps", name, "src", "main.ts");
    return { command: process.execPath, args: ["--conditions=source", main] };
  }
  return { command: process.execPath, args: [builtApp(name)] };
}

/** Folders of the packages that may end up in an app: all but the private ones. */
function bundledPackages(root: string): string[] {
  const packages = join(root, "packages");
  return readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "testing" && entry.name !== "conformance")
    .map((entry) => join(packages, entry.name));
}

function newerFile(folder: string, thanMs: number): string | undefined {
  if (!existsSync(folder)) return undefined;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && statSync(file).mtimeMs > thanMs) return file;
  }
  return undefined;
}

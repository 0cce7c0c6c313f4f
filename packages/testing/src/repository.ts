// Where things lie in this repository, for tests that start what was built.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
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
  const app = join(root, "apps", name);
  const sources = [app, ...bundledPackages(root, app)].map((folder) => join(folder, "src"));
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
  if (process.env.MARUGOTO_APPS === "source") {
    const main = join(repositoryRoot, "apps", name, "src", "main.ts");
    return { command: process.execPath, args: ["--conditions=source", main] };
  }
  return { command: process.execPath, args: [builtApp(name)] };
}

/** Folders of the packages that go into an app: those its manifest names, and those that theirs name. */
function bundledPackages(root: string, app: string): string[] {
  const seen = new Set<string>();
  const visit = (folder: string) => {
    for (const name of dependenciesOf(folder)) {
      const sibling = join(root, "packages", name);
      if (seen.has(sibling)) continue;
      seen.add(sibling);
      visit(sibling);
    }
  };
  visit(app);
  return [...seen];
}

/** `core` for each `@marugoto/core` that a manifest depends on; an app bundles its devDependencies too. */
function dependenciesOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  const scope = "@marugoto/";
  const siblings = names.filter((name) => name.startsWith(scope)).map((name) => name.slice(scope.length));
  return siblings.filter((name) => name !== "testing" && name !== "conformance");
}

function newerFile(folder: string, thanMs: number): string | undefined {
  if (!existsSync(folder)) return undefined;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && statSync(file).mtimeMs > thanMs) return file;
  }
  return undefined;
}

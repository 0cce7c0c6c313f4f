// Installs and builds the workspace with the one pnpm that the lockfile was made by. Nobody needs a pnpm on PATH: npx
// fetches it once. Both are quiet when there is nothing to do and take well under a second then.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { must } from "./process.mjs";
import { root, workspaces } from "./workspace.mjs";

/** Remembers what was installed and where npx keeps pnpm; lies in node_modules, so that it goes when they go. */
const STAMP = join(root, "node_modules/.marugoto-installed.json");

/** The version named by packageManager in package.json, without its hash. */
function pnpmVersion() {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return packageManager.replace(/^pnpm@/, "").replace(/\+.*/, "");
}

/** A hash over everything that decides what an install puts where. */
function wanted() {
  const hash = createHash("sha256");
  for (const file of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"]) {
    hash.update(readFileSync(join(root, file)));
  }
  for (const { folder } of workspaces()) hash.update(folder).update(readFileSync(join(root, folder, "package.json")));
  return hash.digest("hex");
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, "utf8"));
  } catch {
    return {}; // No stamp, or half of one: install again.
  }
}

/** True when every package has the links to what it depends on; a folder may have been emptied since. */
function linked() {
  return workspaces().every(({ folder, manifest }) =>
    Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).every((name) =>
      existsSync(join(root, folder, "node_modules", name)),
    ),
  );
}

/** Asks npx, which downloads it when needed, for the folder that holds the `pnpm` command. */
async function findPnpm() {
  const { output } = await must(
    "Fetching pnpm",
    "npx",
    ["--yes", `--package=pnpm@${pnpmVersion()}`, "-c", "command -v pnpm"],
    { cwd: root, showAfterMs: 20_000 },
  );
  const path = output
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line.endsWith("/pnpm"));
  if (path === undefined) throw new Error(`npx did not say where pnpm is:\n${output}`);
  return path.slice(0, -"/pnpm".length);
}

/** The folder of the one right pnpm: where it was the last time, or where npx says. */
async function pnpmFolder() {
  const { pnpm, folder } = readStamp();
  return pnpm === pnpmVersion() && existsSync(join(folder, "pnpm")) ? folder : findPnpm();
}

/** The environment for tools: the workspace's programs, the pinned Node and pnpm come first on PATH. */
function toolEnvironment(pnpmFolder) {
  return {
    ...process.env,
    PATH: [join(root, "node_modules/.bin"), pnpmFolder, process.env.PATH].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
  };
}

/**
 * Installs when the lockfile or a manifest has changed since the last time.
 *
 * @returns the environment in which the tools are run
 */
export async function install() {
  const stamp = readStamp();
  const hash = wanted();
  const folder = await pnpmFolder();
  if (stamp.hash !== hash || !linked()) {
    // Without the workspace's own Node on PATH: the install replaces it.
    const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter), CI: "true" };
    await must("Installing", join(folder, "pnpm"), ["install", "--frozen-lockfile"], {
      cwd: root,
      env,
      showAfterMs: 2000,
    });
  }
  if (stamp.hash !== hash || stamp.folder !== folder) {
    mkdirSync(join(root, "node_modules"), { recursive: true });
    writeFileSync(STAMP, JSON.stringify({ hash, pnpm: pnpmVersion(), folder }));
  }
  return toolEnvironment(folder);
}

/**
 * Builds what has changed.
 *
 * @param env what `install` returned
 * @param only names of packages to build with what they stand on; all when empty
 */
export async function build(env, only = []) {
  const filters = only.map((name) => `--filter=${name}`);
  await must("Building", "turbo", ["run", "build", "--output-logs=errors-only", ...filters], {
    cwd: root,
    env,
    showAfterMs: 5000,
  });
  // Turbo leaves a file whose sources have the same content as before; tests tell a stale build by its time.
  for (const { folder } of workspaces().filter((entry) => entry.folder.startsWith("apps/"))) {
    const built = join(root, folder, "dist/main.js");
    if (existsSync(built)) utimesSync(built, new Date(), new Date());
  }
}

// Where things are in this checkout, and which packages it has. Plain JavaScript for any Node >= 20 with nothing installed.

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** The repository's root folder. */
export const root = resolve(import.meta.dirname, "../..");

/** Folders that hold packages, and folders that are one. */
const GROUPS = ["packages", "apps"];
const SINGLES = ["benchmarks", "examples"];

/**
 * Every workspace package below `base`.
 *
 * @returns one entry per folder that has a package.json: `folder` relative to `base`, its parsed `manifest`
 */
export function workspaces(base = root) {
  const folders = [
    ...GROUPS.flatMap((group) =>
      existsSync(join(base, group)) ? readdirSync(join(base, group)).map((name) => `${group}/${name}`) : [],
    ),
    ...SINGLES,
  ];
  return folders
    .filter((folder) => existsSync(join(base, folder, "package.json")))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(base, folder, "package.json"), "utf8")) }));
}

/** The packages that are published, lower layers first, so that each comes after those it depends on. */
export function publicPackages(base = root) {
  const left = workspaces(base).filter(({ manifest }) => !manifest.private);
  const names = new Set(left.map(({ manifest }) => manifest.name));
  const ordered = [];
  while (left.length > 0) {
    const placed = new Set(ordered.map(({ manifest }) => manifest.name));
    const next = left.findIndex(({ manifest }) =>
      Object.keys(manifest.dependencies ?? {}).every((name) => !names.has(name) || placed.has(name)),
    );
    if (next < 0) throw new Error(`packages depend on each other: ${left.map((p) => p.manifest.name).join(", ")}`);
    ordered.push(...left.splice(next, 1));
  }
  return ordered;
}

/** The Node that the lockfile pins, or the one that runs this script where there is none for this system. */
export function pinnedNode() {
  const pinned = join(root, "node_modules/.bin/node");
  return existsSync(pinned) ? pinned : process.execPath;
}

/** The Node that is installed on this machine: the first on PATH that is not the workspace's own. */
export function systemNode() {
  const own = realpathSync(pinnedNode());
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "node"))
    .find((path) => existsSync(path) && realpathSync(path) !== own);
  return found ?? process.execPath;
}

// Packs the public packages as they would be published, and checks the tarballs as a stranger gets them.

import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { run } from "./process.mjs";
import { publicPackages, root, systemNode } from "./workspace.mjs";

/**
 * Packs every public package with pnpm, which resolves `workspace:` ranges and applies publishConfig.
 *
 * @param folder where the tarballs go
 * @param env the environment from `install`
 * @returns the packages in publishing order, each with the path of its `tarball`
 * @throws Error with pnpm's output when one can't be packed
 */
export async function packAll(folder, env) {
  const packages = publicPackages();
  for (const [index, entry] of packages.entries()) {
    const { name, version } = entry.manifest;
    // A folder for each: @marugoto/server and marugoto-server have tarballs of the same name.
    const place = join(folder, String(index));
    mkdirSync(place, { recursive: true });
    entry.tarball = join(place, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
    const { code, output } = await run("pnpm", ["pack", "--pack-destination", place], {
      cwd: join(root, entry.folder),
      env,
    });
    if (code !== 0) throw new Error(`${name} could not be packed\n${output}`);
  }
  return packages;
}

/** A packed package and those it depends on, itself included. */
function withDependencies(entry, all) {
  const names = new Set([entry.manifest.name]);
  for (const name of names) {
    const found = all.find(({ manifest }) => manifest.name === name);
    for (const other of Object.keys(found?.manifest.dependencies ?? {})) names.add(other);
  }
  return all.filter(({ manifest }) => names.has(manifest.name));
}

/**
 * Looks for words of the workspace in a packed manifest, where a stranger's npm can't follow them.
 *
 * @returns one sentence per place, named by its path of keys; empty when there is none
 */
export function workspaceWords(value, path = []) {
  if (typeof value === "string") return value.startsWith("workspace:") ? [`${path.join(".")} is "${value}"`] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key === "source" ? [`${[...path, key].join(".")} is still there`] : []),
    ...workspaceWords(inner, [...path, key]),
  ]);
}

/**
 * Installs one package with plain npm in an empty folder, with its siblings' tarballs and nothing else, and uses it on the
 * system's Node: `import`, `require`, and each bin with `-V`.
 *
 * @returns sentences about what failed, empty when all is well
 */
export async function checkPacked(entry, all, folder) {
  const { name, version } = entry.manifest;
  const problems = [];
  const manifest = await run("tar", ["-xzOf", entry.tarball, "package/package.json"]);
  for (const word of workspaceWords(JSON.parse(manifest.output))) problems.push(`${name}: packed ${word}`);

  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  const node = systemNode();
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  const tarballs = withDependencies(entry, all).map(({ tarball }) => tarball);
  const attempt = async (what, command, args, expected) => {
    const { code, output } = await run(command, args, { cwd: folder, env, timeoutMs: 60_000 });
    if (code !== 0) problems.push(`${name}: ${what} failed\n${output}`);
    else if (expected !== undefined && !output.includes(expected)) problems.push(`${name}: ${what} printed\n${output}`);
    return code === 0;
  };
  const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];
  if (!(await attempt("npm install", "npm", ["install", ...options, ...tarballs]))) return problems;

  if (entry.manifest.exports?.["."] !== undefined) {
    const count = "if (Object.keys(found).length === 0) throw new Error('it exports nothing')";
    await attempt("import", node, ["--input-type=module", "-e", `const found = await import("${name}"); ${count}`]);
    // Node 20 warns that requiring an ES module is experimental; the warning is not what is checked.
    await attempt("require", node, ["--no-warnings", "-e", `const found = require("${name}"); ${count}`]);
  }
  for (const bin of Object.keys(entry.manifest.bin ?? {})) {
    await attempt(`${bin} -V`, join(folder, "node_modules/.bin", bin), ["-V"], version);
  }
  return problems;
}

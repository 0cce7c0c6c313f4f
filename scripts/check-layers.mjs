// The layer rule of docs/architecture.md: which package may use which. Checked against dependencies, devDependencies and
// the imports of every source file, relative ones included. Run alone: `node scripts/check-layers.mjs [folder]`.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { root, workspaces } from "./lib/workspace.mjs";

/** Package → the packages of this workspace that its sources may import. A package that is missing here is an error. */
const MAY_USE = {
  "@marugoto/core": [],
  "@marugoto/protocol": ["core"],
  "@marugoto/hashing": ["core"],
  "@marugoto/storage": ["core"],
  "@marugoto/transport": ["core"],
  "@marugoto/client": ["core", "protocol", "hashing", "transport"],
  "@marugoto/server": ["core", "protocol", "storage", "transport"],
  "@marugoto/replication": ["core", "protocol", "storage", "server"],
  "@marugoto/proxy": ["core", "protocol", "hashing", "client", "transport"],
  "@marugoto/admin": ["core", "client"],
  "@marugoto/testing": ["core"],
  "marugoto-server": ["core", "server", "replication", "admin"],
  "marugoto-proxy": ["core", "proxy", "admin"],
  marugoto: ["core", "admin"],
  "@marugoto/conformance": "anything",
  "@marugoto-private/benchmarks": "anything",
  "@marugoto-private/examples": "anything",
};

/** What tests may use besides: helpers that are never published. */
const TESTS_MAY_USE = ["testing"];

/** The one door beside a package's name: runs of its tests, for those that may use anything. Never published. */
const TESTING_DOOR = "/testing";

const READ_MORE = "see docs/architecture.md";
const isOurs = (name) => /^@marugoto(-private)?\/|^marugoto(-|$)/.test(name);
const packageOf = (specifier) =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Every module name or path that `source` imports, re-exports or requires, with its line number. */
function importsOf(source) {
  const found = [];
  const pattern = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(["'])([^"'\n]+)\1/g;
  for (const match of source.matchAll(pattern)) {
    found.push({ specifier: match[2], line: source.slice(0, match.index).split("\n").length });
  }
  return found;
}

/** Source files below `folder`, their paths relative to it. */
function sourcesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((file) => /\.(ts|mts|mjs|js)$/.test(file) && !/(^|[\\/])(node_modules|dist|fixtures)[\\/]/.test(file))
    .sort();
}

/**
 * Checks a workspace.
 *
 * @param base its root folder, with packages/ and apps/ in it
 * @returns one sentence per breach, empty when all is well
 */
export function checkLayers(base = root) {
  const problems = [];
  const all = workspaces(base);
  for (const { folder, manifest } of all) {
    const { name } = manifest;
    const entry = MAY_USE[name];
    if (entry === undefined) {
      problems.push(`${folder}: ${name} has no row in MAY_USE of scripts/check-layers.mjs; ${READ_MORE}`);
      continue;
    }
    const sourcesMayUse = (other) =>
      other === name || entry === "anything" || entry.some((short) => other === `@marugoto/${short}`);
    const testsMayUse = (other) =>
      sourcesMayUse(other) || TESTS_MAY_USE.some((short) => other === `@marugoto/${short}`);

    for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies"]) {
      // What a package needs at run time is bound by the table alone; its tests have their helpers too.
      const allowed = field === "devDependencies" ? testsMayUse : sourcesMayUse;
      for (const other of Object.keys(manifest[field] ?? {})) {
        if (isOurs(other) && !allowed(other))
          problems.push(`${folder} may not have ${other} in ${field}; ${READ_MORE}`);
      }
    }

    for (const file of sourcesIn(join(base, folder))) {
      const inSources = file.startsWith(`src${sep}`);
      const allowed = inSources ? sourcesMayUse : testsMayUse;
      for (const { specifier, line } of importsOf(readFileSync(join(base, folder, file), "utf8"))) {
        const where = `${folder}/${file.split(sep).join("/")}:${line}`;
        if (specifier.startsWith(".")) {
          const target = relative(base, resolve(dirname(join(base, folder, file)), specifier))
            .split(sep)
            .join("/");
          const owner = all.find((other) => target.startsWith(`${other.folder}/`));
          if (owner !== undefined && owner.folder !== folder) {
            problems.push(
              `${where} reaches into ${owner.folder} by a path; import ${owner.manifest.name}; ${READ_MORE}`,
            );
          }
        } else if (isOurs(specifier)) {
          const other = packageOf(specifier);
          if (!allowed(other)) problems.push(`${where}: ${folder} may not use ${other}; ${READ_MORE}`);
          const isDoor = specifier === other || (entry === "anything" && specifier === other + TESTING_DOOR);
          if (!isDoor) problems.push(`${where} goes past the door of ${other}: import "${other}"; ${READ_MORE}`);
          const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies };
          if (allowed(other) && other !== name && declared[other] === undefined) {
            problems.push(`${where} uses ${other}, which ${folder}/package.json does not name; ${READ_MORE}`);
          }
        }
      }
    }
  }
  return problems;
}

if (import.meta.filename === process.argv[1]) {
  const problems = checkLayers(process.argv[2] && resolve(process.argv[2]));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

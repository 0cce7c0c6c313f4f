// `npm run release`: says what would be published, and publishes nothing. `npm run release -- --publish` does it.

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install } from "./lib/install.mjs";
import { packAll } from "./lib/pack.mjs";
import { must, run } from "./lib/process.mjs";
import { publicPackages, root } from "./lib/workspace.mjs";

const publish = process.argv.includes("--publish");
const unknown = process.argv.slice(2).filter((arg) => arg !== "--publish");
if (unknown.length > 0) {
  console.error(`release does not know ${unknown[0]}; the only option is --publish`);
  process.exit(2);
}

/** Reasons not to release this tree. */
async function obstacles() {
  const found = [];
  const status = await run("git", ["status", "--porcelain"], { cwd: root });
  if (status.code !== 0) found.push(`git can't tell the state of the tree: ${status.output.trim()}`);
  else if (status.output !== "") found.push(`the tree has changes that are not committed:\n${status.output.trimEnd()}`);
  const versions = new Set(publicPackages().map(({ manifest }) => manifest.version));
  if (versions.size > 1)
    found.push(`the packages have ${versions.size} versions (${[...versions].join(", ")}), not one`);
  const waiting = readdirSync(join(root, ".changeset")).filter((name) => name.endsWith(".md") && name !== "README.md");
  if (waiting.length > 0) {
    found.push(`${waiting.length} changesets are not in a version yet: npx pnpm@10.34.9 exec changeset version`);
  }
  return found;
}

const problems = await obstacles();
for (const problem of problems) console.error(`not ready: ${problem}`);
if (problems.length > 0 && publish) process.exit(1);

const env = await install();
await build(env);
const folder = mkdtempSync(join(tmpdir(), "marugoto-release-"));
try {
  const packages = await packAll(folder, env);
  for (const { manifest, tarball } of packages) {
    const size = `${(statSync(tarball).size / 1024).toFixed(0)} KiB`;
    if (publish) {
      await must(`Publishing ${manifest.name}`, "pnpm", ["publish", tarball, "--access", "public", "--no-git-checks"], {
        cwd: root,
        env,
      });
    }
    console.log(`${publish ? "published" : "would publish"} ${manifest.name}@${manifest.version} (${size})`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (!publish) console.log("nothing was published; npm run release -- --publish does it");

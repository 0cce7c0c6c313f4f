// `npm run check`: everything that can be said about the tree without running its tests. `npm run check -- lint layers`
// runs the named steps only.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLayers } from "./check-layers.mjs";
import { probeApp } from "./lib/app-probe.mjs";
import { build, install } from "./lib/install.mjs";
import { checkPacked, packAll } from "./lib/pack.mjs";
import { run } from "./lib/process.mjs";
import { runSteps } from "./lib/steps.mjs";
import { pinnedNode, root, systemNode, workspaces } from "./lib/workspace.mjs";

const env = await install();
await build(env);
const scratch = mkdtempSync(join(tmpdir(), "marugoto-check-"));
const packed = packAll(join(scratch, "tarballs"), env);
packed.catch(() => {}); // Told by the steps that wait for it.

const verdict = (problems) => ({ ok: problems.length === 0, output: problems.join("\n") });
const tool =
  (command, ...args) =>
  async () => {
    const { code, output } = await run(command, args, { cwd: root, env });
    return { ok: code === 0, output };
  };

/** Runs `command` over every tarball and joins what failed. */
const overTarballs = (pick, command, argsFor) => async () => {
  const problems = [];
  for (const entry of (await packed).filter(pick)) {
    const { code, output } = await run(command, argsFor(entry), { cwd: root, env });
    if (code !== 0) problems.push(`${entry.manifest.name}\n${output}`);
  }
  return verdict(problems);
};

/** Each built app where it was built and alone in an empty folder, on the system's Node and on the pinned one. */
async function smokeApps() {
  const problems = [];
  const nodes = new Set([systemNode(), pinnedNode()]);
  for (const { folder, manifest } of workspaces().filter((entry) => entry.folder.startsWith("apps/"))) {
    const alone = mkdtempSync(join(scratch, "app-"));
    copyFileSync(join(root, folder, "dist/main.js"), join(alone, "main.mjs"));
    for (const node of nodes) {
      for (const [file, cwd] of [
        [join(root, folder, "dist/main.js"), root],
        [join(alone, "main.mjs"), alone],
      ]) {
        const problem = await probeApp(manifest.name, node, file, cwd, alone);
        if (problem !== undefined) problems.push(problem);
      }
    }
  }
  return verdict(problems);
}

async function installPacked() {
  const all = await packed;
  const problems = [];
  for (const [index, entry] of all.entries())
    problems.push(...(await checkPacked(entry, all, join(scratch, `use-${index}`))));
  return verdict(problems);
}

const hasDoor = (entry) => entry.manifest.exports?.["."] !== undefined;
// The longest first: two run at a time.
const steps = [
  ["lint", tool("eslint", "--max-warnings=0", ".")],
  ["typecheck", tool("turbo", "run", "typecheck", "--output-logs=errors-only", "--concurrency=2")],
  ["typecheck root", tool("tsc", "-p", ".")],
  ["typecheck scripts", tool("tsc", "-p", "scripts")],
  ["format", tool("prettier", "--check", "--log-level=warn", ".")],
  ["layers", async () => verdict(checkLayers())],
  ["unused", tool("knip", "--no-progress")],
  [
    "publint",
    overTarballs(
      () => true,
      "publint",
      ({ tarball }) => [tarball, "--strict"],
    ),
  ],
  ["types shape", overTarballs(hasDoor, "attw", ({ tarball }) => [tarball, "--profile", "esm-only"])],
  ["install packed", installPacked],
  ["apps start", smokeApps],
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some(([step]) => step === name));
if (unknown.length > 0) {
  console.error(`no step "${unknown[0]}"; there are: ${steps.map(([name]) => name).join(", ")}`);
  process.exit(2);
}
const failed = await runSteps(wanted.length > 0 ? steps.filter(([name]) => wanted.includes(name)) : steps, 2);
await packed.catch(() => {}); // It may still be writing where the next line deletes.
rmSync(scratch, { recursive: true });
if (failed.length > 0) console.error(`${failed.length} of ${steps.length} steps failed: ${failed.join(", ")}`);
process.exit(failed.length > 0 ? 1 : 0);

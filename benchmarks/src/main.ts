// Entry of `npm run bench -- NAME` and `npm run soak -- NAME`: finds the task, prints its report. Progress goes to
// stderr, the report to stdout; the exit code is 0 for a bench that ran and a soak that held, 1 for one that failed,
// 2 for a command line that makes no sense.

import { isCacheError } from "@marugoto/core";
import { memoryBench } from "./bench/memory.ts";
import { serverBench } from "./bench/server.ts";
import { describeFlags } from "./flags.ts";
import { environmentFacts } from "./measure/environment.ts";
import { idleConnections } from "./soak/idle-connections.ts";
import { slowReaders } from "./soak/slow-readers.ts";
import type { Report, Task } from "./task.ts";

const families: Readonly<Record<string, Readonly<Record<string, Task>>>> = {
  bench: { server: serverBench, memory: memoryBench },
  soak: { "slow-readers": slowReaders, "idle-connections": idleConnections },
};

async function main(argv: readonly string[]): Promise<number> {
  const [family = "", name = "", ...rest] = argv.filter((word, i) => !(word === "--" && i < 3));
  const tasks = Object.hasOwn(families, family) ? families[family] : undefined;
  if (tasks === undefined) {
    console.error(`say what to run: ${Object.keys(families).join(" or ")}, then a name`);
    return 2;
  }
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task === undefined && (name === "" || name === "--help")) {
    console.log(overview(family, tasks));
    return name === "" ? 2 : 0;
  }
  if (task === undefined) {
    console.error(`unknown ${family} "${name}"; there are: ${Object.keys(tasks).join(", ")}`);
    return 2;
  }
  if (rest.includes("--help")) {
    console.log(`npm run ${family} -- ${name} [flags]\n${task.summary}\n\n${describeFlags(task.flags)}`);
    return 0;
  }
  try {
    const report = await task.start(rest, (line) => console.error(line));
    console.log(print(report, `npm run ${family} -- ${[name, ...rest].join(" ")}`));
    return family === "soak" && !report.passed ? 1 : 0;
  } catch (error) {
    if (!isCacheError(error)) throw error;
    console.error(`${family} ${name}: ${error.message}`);
    return error.code === "invalid_option" ? 2 : 1;
  }
}

function overview(family: string, tasks: Readonly<Record<string, Task>>): string {
  const rows = Object.entries(tasks).map(([name, task]) => `  ${name.padEnd(18)}${task.summary}`);
  return [`npm run ${family} -- NAME [flags]; --help after a name lists its flags`, ...rows].join("\n");
}

function print(report: Report, command: string): string {
  const facts = [...environmentFacts(), ["command", `\`${command}\``] as const, ...report.facts];
  const notes = report.notes.length === 0 ? [] : ["", ...report.notes.map((note) => `- ${note}`)];
  return [`## ${report.title}`, "", ...facts.map(([k, v]) => `- ${k}: ${v}`), "", report.table, ...notes].join("\n");
}

// Children are killed in "exit" handlers, which a signal alone would not run.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));

process.exitCode = await main(process.argv.slice(2));

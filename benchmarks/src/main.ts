// Entry of `npm run bench -- NAME` and `npm run soak -- NAME`: finds the task, prints its report. Progress goes to
// stderr, the report to stdout; the exit code is 0 for a bench that ran and a soak that held, 1 for one that failed,
// 2 for a command line that makes no sense.

import { isCacheError } from "@marugoto/core";
import { describeFlags } from "./flags.ts";
import { environmentFacts } from "./measure/environment.ts";
import { record } from "./record.ts";
import type { Report, Task } from "./task.ts";
import { families } from "./tasks.ts";

// A flag of every task.
const WRITE = "--write";
const writeHelp = {
  write: { kind: "switch", default: false, help: "also put the result into benchmarks/README.md" },
} as const;

async function main(argv: readonly string[]): Promise<number> {
  const [family = "", name = "", ...rest] = argv.filter((word) => word !== "--");
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
    const flags = describeFlags({ ...task.flags, ...writeHelp });
    console.log(`npm run ${family} -- ${name} [flags]\n${task.summary}\n\n${flags}`);
    return 0;
  }
  return run(family, name, task, rest);
}

async function run(family: string, name: string, task: Task, argv: readonly string[]): Promise<number> {
  const flags = argv.filter((word) => word !== WRITE);
  try {
    const report = await task.start(flags, (line) => {
      console.error(line);
    });
    const text = print(report, `npm run ${family} -- ${[name, ...flags].map(quoted).join(" ")}`);
    console.log(text);
    if (argv.includes(WRITE)) record(`${family} ${name}`, text);
    return family === "soak" && !report.passed ? 1 : 0;
  } catch (error) {
    if (!isCacheError(error)) throw error;
    console.error(`${family} ${name}: ${error.message}`);
    return error.code === "invalid_option" ? 2 : 1;
  }
}

function overview(family: string, tasks: Readonly<Record<string, Task>>): string {
  const rows = Object.entries(tasks).map(([name, task]) => `  ${name.padEnd(29)}${task.summary}`);
  return [`npm run ${family} -- NAME [flags]; --help after a name lists its flags`, ...rows].join("\n");
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`);

function print(report: Report, command: string): string {
  const facts = [...environmentFacts(), ["command", `\`${command}\``] as const, ...report.facts];
  const lines = [`### ${report.title}`, "", ...facts.map(([name, value]) => `- ${name}: ${value}`), "", report.table];
  if (report.notes.length > 0) lines.push("", ...report.notes.map((note) => `- ${note}`));
  return lines.join("\n");
}

// Children are killed in "exit" handlers, which a signal alone would not run.
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

process.exitCode = await main(process.argv.slice(2));

// The text of -h, printed from the same tables that arguments are read by. It names nothing that doesn't work: scripts,
// memcached's tests among them, look here for what a server can do.

import { extendedOptions } from "./extended-options.ts";
import { flags } from "./flags.ts";
import type { Flag } from "./flag-table.ts";

const COLUMN = 34;

/** The whole help, without a line end at its end. */
export function helpText(version: string): string {
  const rows = flags.filter((flag) => flag.help !== undefined).flatMap(flagRows);
  const extended = extendedOptions.map(({ name, value, help }) => {
    return `   - ${name}${value === undefined ? "" : `=${value}`}: `.padEnd(COLUMN) + help;
  });
  return [version, ...rows, ...extended].join("\n");
}

/** A letter with two meanings has two lines. */
function flagRows(flag: Flag): string[] {
  const { short, withNumber } = flag;
  if (withNumber === undefined) return [flagRow(flag)];
  return [flagRow(flag), flagRow({ ...withNumber, ...(short === undefined ? {} : { short }) })];
}

function flagRow({ short, long, value, help, fallback }: Flag): string {
  const names = [
    short === undefined ? "" : `-${short}`,
    long === undefined ? "" : `--${long}${value === undefined ? "" : `=${value}`}`,
  ].filter((name) => name !== "");
  const left = long === undefined && value !== undefined ? `${names.join("")} ${value}` : names.join(", ");
  return `${left} `.padEnd(COLUMN) + (help ?? "") + (fallback === undefined ? "" : ` (default: ${fallback})`);
}

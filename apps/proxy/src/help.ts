// The texts of -h and -D, printed from the tables that arguments and statistics are read by.

import { poolFields, serverFields } from "@marugoto/proxy";
import { flagGroups, type Flag } from "./flags.ts";

const COLUMN = 30;

/** The whole help, without a line end at its end. */
export function helpText(version: string): string {
  const [serving, previewing] = flagGroups;
  return [
    version,
    "",
    "marugoto-proxy [flags]                          serve the pools of the configuration",
    "marugoto-proxy where KEY... [flags]             tell the server of each key",
    "marugoto-proxy plan OLD NEW [--keys FILE]       tell which keys a new configuration moves",
    "marugoto-proxy plan --recover SERVER [flags]    tell what a server's failure and return do to the keys",
    "",
    ...serving.map(flagRow),
    "",
    ...previewing.map(flagRow),
  ].join("\n");
}

function flagRow({ short, long, value, help, fallback }: Flag): string {
  const name = `${short === undefined ? "    " : `-${short}, `}--${long}${value === undefined ? "" : `=${value}`}`;
  return `  ${`${name} `.padEnd(COLUMN)}${help}${fallback === undefined ? "" : ` (default: ${fallback})`}`;
}

/** The fields of the stats port and their meaning. */
export function statsText(): string {
  const rows = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields).map(([name, meaning]) => `  ${name.padEnd(20)}"${meaning}"`);
  return ["pool stats:", ...rows(poolFields), "", "server stats:", ...rows(serverFields)].join("\n");
}

// Reads a command line as memcached's getopt does: `-vvp 11211`, `-p11211`, `-p 11211`, `--port=11211`, `--port 11211`.
// What a flag means is in flags.ts.

import { formatSize } from "@marugoto/core";
import { wrong, type Flag } from "./flag-table.ts";
import { flags, refused } from "./flags.ts";
import { checkReplication } from "./replication-flags.ts";
import { defaultSettings, type Settings } from "./settings.ts";

/**
 * Reads the arguments of a process (without the node and the script).
 *
 * @throws CacheError `invalid_option`: one line that names the flag and what is wrong with it
 */
export function parseArgs(args: readonly string[]): Settings {
  const settings = defaultSettings();
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg.startsWith("--") && arg.length > 2) parseLong(settings, arg, rest);
    else if (arg.startsWith("-") && arg !== "-" && arg !== "--") parseShort(settings, arg, rest);
    else throw wrong(`"${arg}" is not a flag; -h lists them`);
  }
  if (settings.show === undefined) checkTogether(settings);
  return settings;
}

/** `--port=1` or `--port 1`. */
function parseLong(settings: Settings, arg: string, rest: string[]): void {
  const equals = arg.indexOf("=");
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? undefined : arg.slice(equals + 1);
  const flag = flags.find((candidate) => candidate.long === name);
  if (flag === undefined) throw unknown(`--${name}`, refused.find(([, long]) => long === name)?.[2]);
  if (flag.value === undefined) {
    if (attached !== undefined) throw wrong(`--${name} takes no value, but has "${attached}"`);
    flag.apply(settings, "", `--${name}`);
  } else {
    applyValue(settings, flag, attached ?? rest.shift(), `--${name}`);
  }
}

/** `-vv`, `-vp 1` or `-vp1`: letters without a value, then at most one with. */
function parseShort(settings: Settings, arg: string, rest: string[]): void {
  for (let i = 1; i < arg.length; i++) {
    const letter = arg.charAt(i);
    const flag = flags.find((candidate) => candidate.short === letter);
    if (flag === undefined) throw unknown(`-${letter}`, refused.find(([short]) => short === letter)?.[2]);
    if (flag.withNumber !== undefined && isNumber(arg.slice(i + 1), rest[0])) {
      const attached = arg.slice(i + 1);
      flag.withNumber.apply(settings, attached === "" ? (rest.shift() ?? "").trim() : attached, `-${letter}`);
      return;
    }
    if (flag.value === undefined) {
      flag.apply(settings, "", `-${letter}`);
    } else {
      const attached = arg.slice(i + 1);
      applyValue(settings, flag, attached === "" ? rest.shift() : attached, `-${letter}`);
      return;
    }
  }
}

/** Whether a number follows a letter: attached to it, or as the next argument when nothing is. */
function isNumber(attached: string, next: string | undefined): boolean {
  return /^\s*\d+$/.test(attached === "" ? (next ?? "") : attached);
}

function applyValue(settings: Settings, flag: Flag, text: string | undefined, name: string): void {
  const value = text?.trim();
  if (value === undefined || value === "") throw wrong(`${name} needs a value: ${flag.value ?? ""}`);
  flag.apply(settings, value, name);
}

function unknown(name: string, purpose: string | undefined): Error {
  return purpose === undefined
    ? wrong(`${name} is not a flag; -h lists them`)
    : wrong(`${name} is not supported: ${purpose}`);
}

/** What single flags can't know: rules between two of them. */
function checkTogether(settings: Settings): void {
  const { memoryBytes, maxItemBytes } = settings;
  if (maxItemBytes > memoryBytes / 2) {
    const [item, half] = [formatSize(maxItemBytes), formatSize(memoryBytes / 2)];
    throw wrong(`-I is ${item}, at most half of -m, which is ${half}`);
  }
  checkReplication(settings.replication);
  if (settings.testSwitch) return;
  if (settings.port === 0 && settings.socketPath === undefined)
    throw wrong("-p is 0 and there is no -s: nothing to listen on");
  if (settings.udpPort !== 0) throw wrong(`-U is ${settings.udpPort}, must be 0: UDP is not supported`);
  if (settings.protocol === "binary")
    throw wrong("-B is binary, must be auto or ascii: the binary protocol is not supported");
}

// Reads a command line as nutcracker's getopt does: `-dv 6`, `-v6`, `--verbose=6`, `--verbose 6`, flags and words in any
// order. What a flag means is in flags.ts.

import { flags, wrong, type Flag } from "./flags.ts";
import { defaultSettings, type CommandName, type Settings } from "./settings.ts";

const commands: readonly CommandName[] = ["where", "plan"];

/**
 * Reads the arguments of a process (without the node and the script).
 *
 * @throws CacheError `invalid_option`: one line that names the flag and what is wrong with it
 */
export function parseArgs(args: readonly string[]): Settings {
  const settings = defaultSettings();
  const words: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") words.push(...rest.splice(0));
    else if (arg.startsWith("--")) parseLong(settings, arg, rest);
    else if (arg.startsWith("-") && arg !== "-") parseShort(settings, arg, rest);
    else words.push(arg);
  }
  takeWords(settings, words);
  return settings;
}

/** `--verbose=6` or `--verbose 6`. */
function parseLong(settings: Settings, arg: string, rest: string[]): void {
  const equals = arg.indexOf("=");
  const name = arg.slice(0, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? undefined : arg.slice(equals + 1);
  const flag = flags.find(({ long }) => `--${long}` === name);
  if (flag === undefined) throw wrong(`${name} is not a flag; -h lists them`);
  if (flag.value !== undefined) applyValue(settings, flag, attached ?? rest.shift(), name);
  else if (attached !== undefined) throw wrong(`${name} takes no value, but has "${attached}"`);
  else flag.apply(settings, "", name);
}

/** `-dt`, `-dv 6` or `-v6`: letters without a value, then at most one with. */
function parseShort(settings: Settings, arg: string, rest: string[]): void {
  for (let i = 1; i < arg.length; i++) {
    const name = `-${arg.charAt(i)}`;
    // nutcracker lists -? beside -h.
    const flag = flags.find(({ short }) => short === (name === "-?" ? "h" : arg.charAt(i)));
    if (flag === undefined) throw wrong(`${name} is not a flag; -h lists them`);
    if (flag.value === undefined) flag.apply(settings, "", name);
    else {
      applyValue(settings, flag, i + 1 < arg.length ? arg.slice(i + 1) : rest.shift(), name);
      return;
    }
  }
}

function applyValue(settings: Settings, flag: Flag, text: string | undefined, name: string): void {
  if (text === undefined || text === "") throw wrong(`${name} needs a value: ${flag.value ?? ""}`);
  flag.apply(settings, text, name);
}

/** The command, and what it needs. */
function takeWords(settings: Settings, [name, ...words]: readonly string[]): void {
  if (settings.show !== undefined) return;
  if (name !== undefined) {
    settings.command = commands.find((command) => command === name);
    if (settings.command === undefined) throw wrong(`"${name}" is no command; there are ${commands.join(" and ")}`);
  }
  settings.words = words;
  if (name === "where" && words.length === 0) throw wrong("where needs a key: where KEY...");
  const isRecovery = settings.recover.length > 0;
  if (name === "plan" && words.length !== (isRecovery ? 0 : 2)) {
    throw wrong("plan needs two files or a server: plan OLD NEW, or plan --recover SERVER");
  }
  if (name !== "plan" && (isRecovery || settings.keysFile !== undefined || settings.like !== undefined)) {
    throw wrong("--recover, --like and --keys belong to plan");
  }
  if (settings.like !== undefined && !isRecovery) throw wrong("--like belongs to plan --recover SERVER");
  if (name !== "where" && settings.down.length > 0) throw wrong("--down belongs to where");
}

// Every flag of the binary: nutcracker's, spelled as nutcracker spells them, and those of the commands. Arguments are read,
// errors named and `-h` printed from this table.

import { CacheError } from "@marugoto/core";
import { DEFAULT_CONFIG_FILE, DEFAULT_STATS_PORT, type Settings } from "./settings.ts";

/** One flag: how it is spelled, how it reads in `-h`, and what it sets. */
export interface Flag {
  /** Without its dash; undefined for a flag that has only a long form. */
  readonly short?: string;
  /** Without its dashes. */
  readonly long: string;
  /** What stands for the value in `-h`; undefined for a flag that takes none. */
  readonly value?: string;
  /** Its line in `-h`, unit and range included. */
  readonly help: string;
  /** The default in words; undefined when there is none. */
  readonly fallback?: string;
  /** `text` is "" for a flag without a value; `name` is the flag as it was written. */
  readonly apply: (settings: Settings, text: string, name: string) => void;
}

/** A wrong flag or value: one line that names the flag. */
export function wrong(message: string): CacheError {
  return new CacheError("invalid_option", message);
}

function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(`${name} is ${text}, must be a whole number from ${least} to ${most}`);
}

const MAX_PORT = 65_535;
const MAX_VERBOSITY = 11;
const MAX_NUMBER = 2 ** 31 - 1;

/** nutcracker's own. */
const serving: readonly Flag[] = [
  { short: "h", long: "help", help: "this help", apply: (settings) => (settings.show = "help") },
  {
    short: "V",
    long: "version",
    help: "print the version and exit",
    apply: (settings) => (settings.show ??= "version"),
  },
  {
    short: "t",
    long: "test-conf",
    help: "test the configuration, say all that is wrong with it, and exit",
    apply: (settings) => (settings.testOnly = true),
  },
  { short: "d", long: "daemonize", help: "run as a daemon", apply: (settings) => (settings.daemon = true) },
  {
    short: "D",
    long: "describe-stats",
    help: "print what the fields of the stats port mean, and exit",
    apply: (settings) => (settings.show ??= "stats"),
  },
  {
    short: "v",
    long: "verbose",
    value: "<num>",
    help: "logging level, 0 to 11: 3 errors, 4 lost servers, 5 changes, 6 refused clients",
    fallback: "5",
    // nutcracker takes 99 for its highest.
    apply: (settings, text, name) =>
      (settings.verbosity = Number(text) > MAX_VERBOSITY ? MAX_VERBOSITY : wholeNumber(text, name, 0, MAX_VERBOSITY)),
  },
  {
    short: "o",
    long: "output",
    value: "<file>",
    help: "append the log to <file>, which SIGHUP opens anew",
    fallback: "stderr",
    apply: (settings, text) => (settings.logFile = text),
  },
  {
    short: "c",
    long: "conf-file",
    value: "<file>",
    help: "configuration; loaded again when it changes and on SIGHUP",
    fallback: DEFAULT_CONFIG_FILE,
    apply: (settings, text) => (settings.configFile = text),
  },
  {
    short: "s",
    long: "stats-port",
    value: "<num>",
    help: "port of the statistics; 0: none, -1: any free one",
    fallback: `${DEFAULT_STATS_PORT}, if it is free`,
    apply: (settings, text, name) => (settings.statsPort = wholeNumber(text, name, -1, MAX_PORT)),
  },
  {
    short: "a",
    long: "stats-addr",
    value: "<addr>",
    help: "address of the statistics",
    fallback: "127.0.0.1",
    apply: (settings, text) => (settings.statsHost = text),
  },
  {
    short: "i",
    long: "stats-interval",
    value: "<msec>",
    help: "no effect: the statistics are those of the moment",
    apply: (settings, text, name) => {
      wholeNumber(text, name, 0, MAX_NUMBER);
      settings.withoutEffect.push(name);
    },
  },
  {
    short: "p",
    long: "pid-file",
    value: "<file>",
    help: "save the process id in <file>",
    apply: (settings, text) => (settings.pidFile = text),
  },
  {
    short: "m",
    long: "mbuf-size",
    value: "<bytes>",
    help: "no effect: buffers grow and shrink with what they hold",
    apply: (settings, text, name) => {
      wholeNumber(text, name, 512, 16 * 1024 ** 2);
      settings.withoutEffect.push(name);
    },
  },
];

/** Those of the commands. */
const previewing: readonly Flag[] = [
  {
    long: "pool",
    value: "<name>",
    help: "where, plan --recover: the pool, when the file has several",
    apply: (settings, text) => (settings.pool = text),
  },
  {
    long: "down",
    value: "<server>",
    help: "where: a server that is out of use; may be repeated",
    apply: (settings, text) => settings.down.push(text),
  },
  {
    long: "keys",
    value: "<file>",
    help: "plan: one key per line, in place of made-up ones",
    apply: (settings, text) => (settings.keysFile = text),
  },
  {
    long: "recover",
    value: "<server>",
    help: "plan: the server that fails and returns; may be repeated",
    apply: (settings, text) => settings.recover.push(text),
  },
  {
    long: "like",
    value: "<preset>",
    help: "plan --recover: the rules of phpMemcache, phpMemcached, twemproxy or marugoto",
    apply: (settings, text) => (settings.like = text),
  },
];

export const flagGroups = [serving, previewing] as const;
export const flags: readonly Flag[] = flagGroups.flat();

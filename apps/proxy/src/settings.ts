// What the command line says: what to do, with which file, and what only the process cares about.

/** Commands that look at configurations and end; none = serve. */
export type CommandName = "where" | "plan";

export interface Settings {
  /** Asked for in place of anything else. */
  show: "help" | "version" | "stats" | undefined;
  /** `-t`: read the configuration, say what is wrong with it, and end. */
  testOnly: boolean;
  command: CommandName | undefined;
  /** What stands behind the command: keys of `where`, files of `plan`. */
  words: string[];
  configFile: string;
  /** undefined: nutcracker's 22222, or none when that is taken; 0: none; -1: any free one. */
  statsPort: number | undefined;
  statsHost: string;
  daemon: boolean;
  pidFile: string | undefined;
  logFile: string | undefined;
  /** nutcracker's: 0 to 11; 5 tells what an operator must know, 6 clients too. */
  verbosity: number;
  /** `--pool`: for a file with several. */
  pool: string | undefined;
  /** `--down`: servers that `where` takes for ejected. */
  down: string[];
  /** `--keys`: a file with one key per line. */
  keysFile: string | undefined;
  /** `--recover`: servers that fail and return together. */
  recover: string[];
  /** `--like`: the program of a recovery plan. */
  like: string | undefined;
  /** Flags of nutcracker that are taken and change nothing here. */
  withoutEffect: string[];
}

export const DEFAULT_STATS_PORT = 22_222;

/** nutcracker's, too. */
export const DEFAULT_CONFIG_FILE = "conf/nutcracker.yml";

/** nutcracker's "notice". */
const DEFAULT_VERBOSITY = 5;

export function defaultSettings(): Settings {
  return {
    show: undefined,
    testOnly: false,
    command: undefined,
    words: [],
    configFile: DEFAULT_CONFIG_FILE,
    statsPort: undefined,
    statsHost: "127.0.0.1",
    daemon: false,
    pidFile: undefined,
    logFile: undefined,
    verbosity: DEFAULT_VERBOSITY,
    pool: undefined,
    down: [],
    keysFile: undefined,
    recover: [],
    like: undefined,
    withoutEffect: [],
  };
}

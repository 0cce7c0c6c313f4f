// The real programs that tests compare with. Where one is missing, its tests are skipped, say what to install, and the
// skip is written down, so that the end of a run can list what was not checked.

import { execFileSync } from "node:child_process";
import { accessSync, appendFileSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { repositoryRoot } from "./repository.ts";

export type OracleName =
  "memcached" | "php" | "nutcracker" | "memccapable" | "perl" | "etcd" | "redis-server" | "repcached";

interface OracleKind {
  /** Debian packages that bring it; none = it has to be named by its variable. */
  readonly packages: readonly string[];
  /** A variable that names another binary. */
  readonly variable?: string;
  /** What else must be so; returns what is missing, in words. */
  readonly check?: (path: string) => string | undefined;
}

const kinds: Readonly<Record<OracleName, OracleKind>> = {
  memcached: { packages: ["memcached"], variable: "MEMCACHED_BIN" },
  php: { packages: ["php-cli", "php-memcache", "php-memcached"], check: phpExtensions },
  nutcracker: { packages: ["nutcracker"] },
  memccapable: { packages: ["libmemcached-tools"] },
  perl: { packages: ["perl"] },
  etcd: { packages: ["etcd-server"], variable: "ETCD_BIN" },
  "redis-server": { packages: ["redis-server"], variable: "REDIS_BIN" },
  repcached: { packages: [], variable: "REPCACHED_BIN" },
};

/** A program found, or the reason why not. */
export interface Oracle {
  readonly name: OracleName;
  /** Its path; undefined when it is missing. */
  readonly path: string | undefined;
  /** Why it cannot be used and what to install, in a sentence; undefined when it can. */
  readonly missing: string | undefined;
}

/**
 * Looks for a program: first the variable that may name it (MEMCACHED_BIN), then PATH and /usr/sbin.
 *
 * @throws Error when the variable names a file that cannot be run: that is a mistake, not a missing oracle
 */
export function findOracle(name: OracleName): Oracle {
  const kind = kinds[name];
  const named = kind.variable === undefined ? undefined : process.env[kind.variable];
  if (named !== undefined && named !== "") {
    const path = isAbsolute(named) ? named : join(repositoryRoot, named);
    if (!isExecutable(path)) throw new Error(`${kind.variable ?? name}=${named} cannot be run`);
    return { name, path, missing: undefined };
  }
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const path = folders
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find(isExecutable);
  const lack = path === undefined ? `${name} is not installed` : kind.check?.(path);
  const remedy =
    kind.packages.length > 0 ? `apt-get install ${kind.packages.join(" ")}` : `${kind.variable ?? "PATH"} may name one`;
  const missing = lack === undefined ? undefined : `${lack}; ${remedy}`;
  return { name, path: missing === undefined ? path : undefined, missing };
}

/** A row of the file of skips. */
export interface Skip {
  readonly oracle: OracleName;
  /** What was not checked. */
  readonly what: string;
  readonly packages: readonly string[];
}

/** What a test file needs to use an oracle or to skip. */
export interface OracleUse {
  /** The program's path; throws when it is missing, which a skipped test never asks. */
  readonly path: string;
  /** For `describe.skipIf(…)`. */
  readonly isMissing: boolean;
  /** `what`, and when it is skipped, why and what to install. The name of the describe block. */
  readonly title: string;
}

/**
 * Looks for an oracle and, when it is missing, writes down that `what` was skipped.
 *
 * The row is appended to the file that MARUGOTO_SKIPS_FILE names, if any; `readSkips` and `describeSkips` read it.
 *
 * @param unfit may say why a program that was found is of no use here, say for its version
 * @example const php = useOracle("php", "PHP clients against our server");
 *          describe.skipIf(php.isMissing)(php.title, () => { … php.path … });
 */
export function useOracle(
  name: OracleName,
  what: string,
  unfit: (path: string) => string | undefined = () => undefined,
): OracleUse {
  const oracle = refuse(findOracle(name), unfit);
  if (oracle.missing !== undefined) {
    // Installing what is installed already would not help.
    const packages = findOracle(name).path === undefined ? kinds[name].packages : [];
    recordSkip({ oracle: name, what: packages.length > 0 ? what : `${what}: ${oracle.missing}`, packages });
  }
  return {
    get path() {
      if (oracle.path === undefined) throw new Error(oracle.missing);
      return oracle.path;
    },
    isMissing: oracle.path === undefined,
    title: oracle.missing === undefined ? what : `${what} (skipped: ${oracle.missing})`,
  };
}

function refuse(oracle: Oracle, unfit: (path: string) => string | undefined): Oracle {
  const reason = oracle.path === undefined ? undefined : unfit(oracle.path);
  return reason === undefined ? oracle : { name: oracle.name, path: undefined, missing: reason };
}

function recordSkip(skip: Skip): void {
  const file = process.env.MARUGOTO_SKIPS_FILE;
  if (file !== undefined && file !== "") appendFileSync(file, JSON.stringify(skip) + "\n");
}

/** The skips in a file, each once. A file that is not there has none. */
export function readSkips(file: string): Skip[] {
  if (!existsSync(file)) return [];
  const rows = new Set(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((row) => row !== ""),
  );
  return [...rows].map((row) => JSON.parse(row) as Skip);
}

/** Lines for the end of a test run: what was skipped, and the one command that would enable it. Empty for no skips. */
export function describeSkips(skips: readonly Skip[]): string[] {
  if (skips.length === 0) return [];
  const packages = [...new Set(skips.flatMap((skip) => skip.packages))].sort();
  return [
    "Skipped for want of an oracle:",
    ...skips.map((skip) => `  ${skip.oracle}: ${skip.what}`),
    ...(packages.length > 0 ? [`To enable: apt-get install -y ${packages.join(" ")}`] : []),
  ];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function phpExtensions(path: string): string | undefined {
  const loaded = execFileSync(path, ["-m"], { encoding: "utf8", timeout: 10_000 }).split(/\s+/);
  const lacking = ["memcache", "memcached"].filter((extension) => !loaded.includes(extension));
  return lacking.length === 0 ? undefined : `php has no extension ${lacking.join(" and ")}`;
}

// Flags of a bench or soak: one table per command, from which values are parsed and --help is printed.

import { CacheError } from "@marugoto/core";

/** One flag. A number flag takes a number ≥ `min`, a text flag any word, a switch nothing. */
type Flag =
  | {
      readonly kind: "number";
      readonly default: number;
      readonly min: number;
      readonly unit: string;
      readonly help: string;
    }
  | { readonly kind: "text"; readonly default: string; readonly unit: string; readonly help: string }
  | { readonly kind: "switch"; readonly default: false; readonly help: string };

export type FlagTable = Readonly<Record<string, Flag>>;

/** What a table's flags are set to. */
export type FlagValues<T extends FlagTable> = {
  readonly [Name in keyof T]: T[Name]["kind"] extends "number"
    ? number
    : T[Name]["kind"] extends "text"
      ? string
      : boolean;
};

/**
 * Parses `--name value`, `--name=value` and `--switch`; a `--` between them is skipped, since npm may leave one.
 *
 * @throws CacheError `invalid_option` that names the flag
 */
export function parseFlags<T extends FlagTable>(table: T, argv: readonly string[]): FlagValues<T> {
  const values: Record<string, number | string | boolean> = {};
  for (const [name, flag] of Object.entries(table)) values[name] = flag.default;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") continue;
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const flag = word.startsWith("--") && Object.hasOwn(table, name) ? table[name] : undefined;
    if (flag === undefined) throw new CacheError("invalid_option", `unknown flag ${word}; --help lists the flags`);
    if (flag.kind === "switch") {
      if (equals >= 0) throw new CacheError("invalid_option", `--${name} takes no value`);
      values[name] = true;
      continue;
    }
    const text = equals < 0 ? argv[++i] : word.slice(equals + 1);
    if (text === undefined) throw new CacheError("invalid_option", `--${name} needs a value`);
    values[name] = flag.kind === "text" ? text : toNumber(name, flag.min, text);
  }
  return values as FlagValues<T>;
}

function toNumber(name: string, min: number, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  throw new CacheError("invalid_option", `--${name} is "${text}"; give a number of at least ${min}`);
}

/** One line per flag: name, unit, default, help. */
export function describeFlags(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => {
    const value = flag.kind === "switch" ? "" : ` ${flag.unit}`;
    const standard = flag.kind === "switch" || flag.default === "" ? "" : ` (${flag.default})`;
    return [`  --${name}${value}`, `${flag.help}${standard}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`).join("\n");
}

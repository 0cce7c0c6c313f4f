// The sub-options of -o. Those that mean something here are applied; those that tune how memcached keeps its slabs and
// lists are taken and change nothing, so that a memcached command line in use keeps working; all others are refused by name.

import { wholeNumber, wrong } from "./flag-table.ts";
import type { Settings } from "./settings.ts";

interface ExtendedOption {
  readonly name: string;
  /** What stands for the value in `-h`; undefined when it takes none. */
  readonly value?: string;
  readonly help: string;
  readonly apply: (settings: Settings, text: string, name: string) => void;
}

export const extendedOptions: readonly ExtendedOption[] = [
  {
    name: "idle_timeout",
    value: "<seconds>",
    help: "drop TCP clients that are silent for so long (default: 0, never)",
    apply: (settings, text, name) => (settings.server.idleTimeoutSec = wholeNumber(text, name, 0, 2 ** 31 - 1)),
  },
  {
    name: "track_sizes",
    help: 'let "stats sizes" answer',
    apply: (settings) => (settings.server.trackSizes = true),
  },
  {
    name: "maxconns_fast",
    help: "tell clients above the limit so, and close them at once (always on)",
    apply: () => undefined,
  },
];

/** Taken without effect, with or without a value: names, each also with `no_` in front. */
const withoutEffect = new Set([
  "modern",
  "hashpower",
  "hash_algorithm",
  "inline_ascii_resp",
  "lru_crawler",
  "lru_maintainer",
  "slab_automove",
  "slab_chunk_max",
  "slab_reassign",
]);

/** Passed by memcached's own tests to a debug build, and by nobody else. */
const TEST_SWITCH = "relaxed_privileges";
const privileges = new Set(["drop_privileges", "no_drop_privileges"]);

/** Applies one `-o` list, e.g. `idle_timeout=30,track_sizes`. @throws CacheError that names the sub-option */
export function applyExtended(settings: Settings, text: string): void {
  for (const part of text.split(",")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? undefined : part.slice(equals + 1);
    const option = extendedOptions.find((candidate) => candidate.name === name);
    if (option !== undefined) {
      if (option.value !== undefined && value === undefined) throw wrong(`-o ${name} needs a value, as in ${name}=n`);
      if (option.value === undefined && value !== undefined) throw wrong(`-o ${name} takes no value, but has ${value}`);
      option.apply(settings, value ?? "", `-o ${name}`);
    } else if (name === TEST_SWITCH) {
      settings.testSwitch = true;
    } else if (withoutEffect.has(name.replace(/^no_/, "")) || privileges.has(name)) {
      settings.withoutEffect.push(name);
    } else {
      throw wrong(`-o ${name} is not supported`);
    }
  }
}

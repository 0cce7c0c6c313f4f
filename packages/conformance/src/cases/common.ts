// Answers that many families expect, and the few shapes their tables share. No cases of its own.

import type { Case, Family } from "../case.ts";

export const BAD_FORMAT = "CLIENT_ERROR bad command line format\n";
export const BAD_CHUNK = "CLIENT_ERROR bad data chunk\n";
export const BAD_EXPTIME = "CLIENT_ERROR invalid exptime argument\n";
export const TOO_LARGE = "SERVER_ERROR object too large for cache\n";

/** A case of one connection: its name, then sends and expects in turn. */
export function exchange(name: string, ...texts: readonly string[]): Case {
  const steps: (readonly [string, string])[] = [];
  for (let i = 0; i < texts.length; i += 2) steps.push([texts[i] ?? "", texts[i + 1] ?? ""]);
  return { name, steps };
}

export function family(name: string, ...cases: readonly (Case | readonly Case[])[]): Family {
  return { name, cases: cases.flat() };
}

/** Meta flags as the name of a case shows them. */
export function shown(flags: string): string {
  return flags.trim().replace(/\{(?:\w+\*)?[$]?(.*?)\}/g, "$1");
}

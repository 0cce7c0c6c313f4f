// Where results are kept: the README's section of a bench or soak, between two comments, rewritten by `--write`.

import { readFileSync, writeFileSync } from "node:fs";
import { CacheError } from "@marugoto/core";

const readme = new URL("../README.md", import.meta.url);

/** Puts a result into the README's section named `name`, such as `bench server`. */
export function record(name: string, result: string): void {
  writeFileSync(readme, replaceSection(readFileSync(readme, "utf8"), name, result));
}

/**
 * `text` with what stands between `<!-- name -->` and `<!-- end of name -->` replaced.
 *
 * @throws CacheError `invalid_option` when there is no such section
 */
export function replaceSection(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const start = text.indexOf(open);
  const end = text.indexOf(close);
  if (start < 0 || end < start)
    throw new CacheError("invalid_option", `README.md has no section "${name}" to write to`);
  return `${text.slice(0, start + open.length)}\n${content}\n${text.slice(end)}`;
}

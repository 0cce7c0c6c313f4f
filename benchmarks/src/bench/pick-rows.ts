// The value of a `--rows` flag.

import { CacheError } from "@marugoto/core";

/**
 * @param names `all`, or names of rows with commas between them
 * @throws CacheError `invalid_option` that lists the names there are
 */
export function pickRows<Row extends { readonly name: string }>(rows: readonly Row[], names: string): Row[] {
  if (names === "all") return [...rows];
  return names.split(",").map((name) => {
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined) {
      const known = rows.map((candidate) => candidate.name).join(", ");
      throw new CacheError("invalid_option", `no row "${name}"; there are: ${known}`);
    }
    return row;
  });
}

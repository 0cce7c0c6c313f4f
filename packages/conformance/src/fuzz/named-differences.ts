// The differences that the differential fuzz may meet, each with its reason and a matcher as narrow as its reason. What
// is not here is a mismatch. The cases' own list, with exact answers, is ../differences.ts.

import type { Dialect } from "../case.ts";

export interface NamedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whose peculiarity it is; it explains a difference between that one and any other. */
  readonly of: Dialect;
  /** What the request is like. */
  readonly request: RegExp;
  /** What the answer of `of` is like. */
  readonly own: RegExp;
  /** What the other's answer is like. */
  readonly other: RegExp;
  /** The two servers hold different items from here on. */
  readonly splitsState?: true;
}

export const namedDifferences: readonly NamedDifference[] = [];

/** The difference that explains the two answers, if one does. */
export function explain(
  dialects: readonly [left: Dialect, right: Dialect],
  request: string,
  left: string,
  right: string,
): NamedDifference | undefined {
  return namedDifferences.find((one) => {
    if (!one.request.test(request)) return false;
    if (one.of === dialects[0] && one.own.test(left) && one.other.test(right)) return true;
    return one.of === dialects[1] && one.own.test(right) && one.other.test(left);
  });
}

// Sizes as people write them: 64m, 1k, 2g, 1048576.

import { CacheError } from "./errors.ts";

const units: Record<string, number> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/**
 * Parses a size such as `64m`, `1.5g` or `512`, case-insensitive, units of 1024.
 *
 * @param unit what a bare number counts in, `b` by default
 * @returns whole bytes
 * @throws CacheError `invalid_size` for anything else
 */
export function parseSize(text: string, unit: "b" | "k" | "m" | "g" = "b"): number {
  const match = /^(\d+(?:\.\d+)?)([bkmgt])?$/i.exec(text);
  const bytes = match ? Number(match[1]) * (units[(match[2] ?? unit).toLowerCase()] ?? Number.NaN) : Number.NaN;
  if (!Number.isSafeInteger(Math.floor(bytes))) {
    throw new CacheError("invalid_size", `"${text}" is not a size; write a number and k, m or g, as in 64m`);
  }
  return Math.floor(bytes);
}

/** Formats whole bytes in the largest unit that leaves no fraction: 67108864 → `64m`, 1000 → `1000`. */
export function formatSize(bytes: number): string {
  for (const unit of ["t", "g", "m", "k"]) {
    const size = units[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

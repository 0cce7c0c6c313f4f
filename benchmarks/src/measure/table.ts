// Markdown tables whose columns line up in a terminal as well.

/** The first column is flush left, the others flush right, as figures read best. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  for (const row of rows) {
    if (row.length !== head.length) throw new TypeError(`a row of ${row.length} cells under ${head.length} headings`);
  }
  const lines = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column]!.length)));
  const print = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [first, ...rest] = lines;
  return [print(first!), `| ${rule.join(" | ")} |`, ...rest.map(print)].join("\n");
}

/** `1234567` → `1 234 567`, rounded to whole numbers. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Bytes as MiB with one decimal, without the unit. */
export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

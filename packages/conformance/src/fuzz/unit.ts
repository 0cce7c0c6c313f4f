// What the differential fuzz sends: units, each one request or a short pipeline of them. A unit is text in latin1 in
// which a cas number may stand open, since each server counts its own.

/** Stands before the name of a key and ends with `]`: the cas of that key on the server that the unit goes to. */
const OPEN_CAS = /\u{e000}(\w+)([+-]\d+)?\]/gu;

export interface Unit {
  /** Latin1, with open cas numbers. */
  readonly text: string;
  /** Bytes were changed at random, so it may be anything. */
  readonly mutated: boolean;
}

/** An open cas number: that of the key called `name`, plus `offset`. */
export function openCas(name: string, offset = 0): string {
  return `\u{e000}${name}${offset > 0 ? "+" : ""}${offset === 0 ? "" : offset}]`;
}

/** True for a unit in which a cas number stands open. */
export function hasOpenCas(unit: Unit): boolean {
  return unit.text.includes("\u{e000}");
}

/** The bytes for one server: `casOf` gives its cas of a key; a key without one has 1. */
export function closeUnit(text: string, casOf: (name: string) => bigint | undefined): string {
  return text.replace(OPEN_CAS, (_, name: string, offset?: string) => {
    const cas = (casOf(name) ?? 1n) + BigInt(offset ?? 0);
    return String(cas < 0n ? 0n : cas);
  });
}

/** A unit as a person reads it: escaped, long runs shortened. */
export function showUnit(unit: Unit): string {
  const text = unit.text.replace(OPEN_CAS, (_, name: string, offset?: string) => `<cas of ${name}${offset ?? ""}>`);
  return showText(text);
}

/** Bytes as a person reads them. */
export function showText(text: string): string {
  const shown = JSON.stringify(text).replace(/(.)\1{59,}/g, (run, one: string) => `${one}{${run.length} times}`);
  return shown.length <= 1000 ? shown : `${shown.slice(0, 700)} … ${shown.slice(-250)}`;
}

// Where stats are written to: `STAT name value` rows, in order, as memcached prints them.

import type { Output } from "../output.ts";

export class StatRows {
  readonly #output: Output;
  /** How many rows were added. */
  count = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  add(name: string, value: string | number): void {
    this.count++;
    this.#output.text(`STAT ${name} ${value}\r\n`);
  }

  /** A row of another form, e.g. `ITEM …` or `PREFIX …`; `\r\n` is added. */
  raw(row: string): void {
    this.count++;
    this.#output.text(`${row}\r\n`);
  }
}

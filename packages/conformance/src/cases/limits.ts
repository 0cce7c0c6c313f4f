// The largest values, and what happens to those beyond: refused after their payload was swallowed, and the old value
// gone where it was a set. memcached counts its item header (48), the key and a NUL, the value and CRLF, 8 bytes of
// cas and, where client flags are not 0, 4 more.

import type { Case } from "../case.ts";
import { exchange, family, TOO_LARGE } from "./common.ts";

const MIB = 1024 * 1024;
/** What an item of a 10-byte key needs besides its value. */
const OVERHEAD = 48 + 10 + 1 + 2 + 8;

function large(command: string, answer: string): Case {
  return exchange(
    `${command} of 1 MiB`,
    "set {a:10} 0 0 3\nold\n",
    "STORED\n",
    `${command}\n{x*${MIB}}\n`,
    answer,
    "get {a:10}\n",
    command.startsWith("set") || command.startsWith("ms") ? "END\n" : "VALUE {a:10} 0 3\nold\nEND\n",
  );
}

export const limits = family(
  "limits",
  exchange(
    "the largest value by memcached's count",
    `set {a:10} 0 0 ${MIB - OVERHEAD}\n{x*${MIB - OVERHEAD}}\n`,
    "STORED\n",
    "mg {a:10} s\n",
    `HD s${MIB - OVERHEAD}\n`,
  ),
  exchange(
    "one byte over the limit",
    `set {a:10} 0 0 ${MIB - OVERHEAD + 1}\n{x*${MIB - OVERHEAD + 1}}\n`,
    TOO_LARGE,
    "get {a:10}\n",
    "END\n",
  ),
  exchange(
    "a large value comes back whole",
    "set {a} 0 0 1000000\n{x*1000000}\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 0 1000000\n{x*1000000}\nEND\n",
  ),
  large(`set {a:10} 0 0 ${MIB}`, TOO_LARGE),
  large(`add {a:10} 0 0 ${MIB}`, TOO_LARGE),
  large(`replace {a:10} 0 0 ${MIB}`, TOO_LARGE),
  large(`append {a:10} 0 0 ${MIB}`, TOO_LARGE),
  large(`prepend {a:10} 0 0 ${MIB}`, TOO_LARGE),
  large(`cas {a:10} 0 0 ${MIB} 1`, TOO_LARGE),
  large(`ms {a:10} ${MIB}`, TOO_LARGE),
  exchange("set noreply of 1 MiB is silent", `set {a} 0 0 ${MIB} noreply\n{x*${MIB}}\n`, ""),
  exchange(
    "the connection goes on after a refused value",
    `set {a} 0 0 ${2 * MIB}\n{x*${2 * MIB}}\nset {a} 0 0 1\nx\nget {a}\n`,
    `${TOO_LARGE}STORED\nVALUE {a} 0 1\nx\nEND\n`,
  ),
  exchange(
    "an append that would pass the limit",
    "set {a} 0 0 600000\n{x*600000}\n",
    "STORED\n",
    "append {a} 0 0 600000\n{y*600000}\n",
    "NOT_STORED\n",
    "mg {a} s\n",
    "HD s600000\n",
  ),
  exchange(
    "a large append",
    "set {a} 0 0 300000\n{x*300000}\n",
    "STORED\n",
    "append {a} 0 0 300000\n{y*300000}\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 0 600000\n{x*300000}{y*300000}\nEND\n",
  ),
  exchange(
    "a large prepend",
    "set {a} 0 0 300000\n{x*300000}\n",
    "STORED\n",
    "prepend {a} 0 0 300000\n{y*300000}\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 0 600000\n{y*300000}{x*300000}\nEND\n",
  ),
  {
    ...exchange(
      "-I 2m takes a value of 1.5 MiB",
      "set {a} 0 0 1500000\n{x*1500000}\n",
      "STORED\n",
      "mg {a} s\n",
      "HD s1500000\n",
      `set {a} 0 0 ${2 * MIB}\n{x*${2 * MIB}}\n`,
      TOO_LARGE,
    ),
    flags: ["-I", "2m"],
  },
  {
    ...exchange("-C turns cas off", "set {a} 0 0 1\nx\n", "STORED\n", "gets {a}\n", "VALUE {a} 0 1 0\nx\nEND\n"),
    flags: ["-C"],
  },
);

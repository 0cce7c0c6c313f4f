// Many requests at once, requests in pieces, and answers in their order.

import type { Case } from "../case.ts";
import { exchange, family } from "./common.ts";

const split = (name: string, parts: readonly string[], expect: string): Case => ({ name, steps: [{ parts, expect }] });

export const pipelining = family(
  "pipelining",
  exchange(
    "set, get and delete in one write",
    "set {a} 0 0 1\nx\nget {a}\ndelete {a}\nget {a}\n",
    "STORED\nVALUE {a} 0 1\nx\nEND\nDELETED\nEND\n",
  ),
  exchange("1,000 gets in one write", "get {a}\n".repeat(1000), "END\n".repeat(1000)),
  exchange("1,000 sets in one write", "set {a} 0 0 10\n0123456789\n".repeat(1000), "STORED\n".repeat(1000)),
  exchange(
    "500 mg hits in one write",
    "set {a} 0 0 10\n0123456789\n",
    "STORED\n",
    "mg {a} v\n".repeat(500),
    "VA 10\n0123456789\n".repeat(500),
  ),
  exchange(
    "1,000 noreply sets and one get",
    "set {a} 0 0 1 noreply\nx\n".repeat(1000) + "get {a}\n",
    "VALUE {a} 0 1\nx\nEND\n",
  ),
  exchange(
    "all kinds in one write",
    "set {a} 1 0 1\n5\nincr {a} 1\nappend {a} 0 0 1\n0\nmg {a} v f\ntouch {a} 0\ngat 0 {a}\nms {b} 2\nhi\nma {a} v\nmd {b}\nfoo\nversion\ndecr {a} 60\n",
    "STORED\n6\nSTORED\nVA 2 f1\n60\nTOUCHED\nVALUE {a} 1 2\n60\nEND\nHD\nVA 2\n61\nHD\nERROR\nVERSION {..}\n1\n",
  ),
  exchange(
    "a set and a get of 100 KB in one write",
    "set {a} 0 0 100000\n{x*100000}\nget {a}\nget {a}\n",
    "STORED\nVALUE {a} 0 100000\n{x*100000}\nEND\nVALUE {a} 0 100000\n{x*100000}\nEND\n",
  ),
  split("a command in two writes", ["get ", "abc\n"], "END\n"),
  split("CR and LF in two writes", ["get abc{cr}", "{lf}"], "END\n"),
  split("a set line and its payload in two writes", ["set {a} 0 0 5\n", "hello\n"], "STORED\n"),
  split("a payload in three writes", ["set {a} 0 0 5\nh", "el", "lo\n"], "STORED\n"),
  split("the line end of a payload by itself", ["set {a} 0 0 5\nhello", "\n"], "STORED\n"),
  split(
    "the line end of a payload split in two",
    ["set {a} 0 0 5\nhello{cr}", "{lf}get {a}\n"],
    "STORED\nVALUE {a} 0 5\nhello\nEND\n",
  ),
  split("an ms in pieces", ["m", "s {a} 5 c", " k\nhe", "llo", "\n"], "HD c{#} k{a}\n"),
  split("two commands and a half, then the rest", ["get {a}\nget {a}\nge", "t {a}\n"], "END\nEND\nEND\n"),
  split(
    "a bad payload in pieces",
    ["set {a} 0 0 2\nab", "cdef\nversion\n"],
    "CLIENT_ERROR bad data chunk\nERROR\nVERSION {..}\n",
  ),
  split(
    "a large payload in pieces",
    ["set {a} 0 0 60000\n{x*20000}", "{x*20000}", "{x*20000}", "\nmg {a} s\n"],
    "STORED\nHD s60000\n",
  ),
  split(
    "a swallowed payload in pieces",
    ["set {a:251} 0 0 6\nab", "cd", "ef\nget {b}\n"],
    "CLIENT_ERROR bad command line format\nEND\n",
  ),
  {
    name: "two connections do not mix",
    steps: [
      { send: "set {a} 0 0 5\nhel", more: true },
      { on: "other", send: "get {a}\n", expect: "END\n" },
      { send: "lo\n", expect: "STORED\n" },
      { on: "other", send: "get {a}\n", expect: "VALUE {a} 0 5\nhello\nEND\n" },
    ],
  },
);

// flush_all: at once, delayed, taken back. Every case stands alone, since it empties the server.

import type { Case } from "../case.ts";
import { BAD_EXPTIME, exchange, family } from "./common.ts";

const cases: Case[] = [
  exchange(
    "everything is gone at once",
    "set {a} 0 0 1\nx\nset {b} 0 100 1\nx\n",
    "STORED\nSTORED\n",
    "flush_all\n",
    "OK\n",
    "get {a} {b}\n",
    "END\n",
  ),
  exchange(
    "what is stored right after stays",
    "set {a} 0 0 1\nx\nflush_all\nset {a} 0 0 1\ny\n",
    "STORED\nOK\nSTORED\n",
    "get {a}\n",
    "VALUE {a} 0 1\ny\nEND\n",
  ),
  exchange(
    "add and incr see the miss",
    "set {a} 0 0 1\n1\nset {b} 0 0 1\n1\nflush_all\nincr {a} 1\nadd {b} 0 0 1\n2\n",
    "STORED\nSTORED\nOK\nNOT_FOUND\nSTORED\n",
  ),
  exchange("delay 0 is at once", "set {a} 0 0 1\nx\nflush_all 0\n", "STORED\nOK\n", "get {a}\n", "END\n"),
  exchange("a negative delay is at once", "set {a} 0 0 1\nx\nflush_all -5\n", "STORED\nOK\n", "get {a}\n", "END\n"),
  exchange(
    "a delay lets items live on, and a second flush_all takes it back",
    "set {a} 0 0 1\nx\nflush_all 1000\n",
    "STORED\nOK\n",
    "get {a}\n",
    "VALUE {a} 0 1\nx\nEND\n",
    "flush_all\n",
    "OK\n",
    "get {a}\n",
    "END\n",
  ),
  exchange("noreply", "set {a} 0 0 1\nx\n", "STORED\n", "flush_all noreply\n", "", "get {a}\n", "END\n"),
  exchange("a delay and noreply", "set {a} 0 0 1\nx\n", "STORED\n", "flush_all 0 noreply\n", "", "get {a}\n", "END\n"),
  exchange("a delay that is no number", "flush_all x\n", BAD_EXPTIME, "flush_all 1x\n", BAD_EXPTIME),
  exchange("noreply hides a bad delay", "flush_all x noreply\n", ""),
  exchange("a third word is ignored", "flush_all 0 foo\n", "OK\n"),
  exchange(
    "flush_all in a pipeline acts in its order",
    "set {a} 0 0 1\nx\nget {a}\nflush_all\nget {a}\nset {a} 0 0 1\nz\nget {a}\n",
    "STORED\nVALUE {a} 0 1\nx\nEND\nOK\nEND\nSTORED\nVALUE {a} 0 1\nz\nEND\n",
  ),
  {
    name: "another connection sees it",
    steps: [
      ["set {a} 0 0 1\nx\n", "STORED\n"],
      { on: "other", send: "flush_all\n", expect: "OK\n" },
      ["get {a}\n", "END\n"],
    ],
  },
  {
    name: "a delay of 2 seconds comes, also for items stored meanwhile",
    steps: [
      ["set {a} 0 0 1\nx\nflush_all 2\nset {b} 0 0 1\ny\n", "STORED\nOK\nSTORED\n"],
      ["get {a} {b}\n", "VALUE {a} 0 1\nx\nVALUE {b} 0 1\ny\nEND\n"],
      { pauseMs: 3100 },
      ["get {a} {b}\n", "END\n"],
      ["set {a} 0 0 1\nz\n", "STORED\n"],
      ["get {a}\n", "VALUE {a} 0 1\nz\nEND\n"],
    ],
  },
  {
    name: "-F refuses it",
    flags: ["-F"],
    steps: [
      ["set {a} 0 0 1\nx\n", "STORED\n"],
      ["flush_all\n", "CLIENT_ERROR flush_all not allowed\n"],
      ["flush_all 100\n", "CLIENT_ERROR flush_all not allowed\n"],
      ["flush_all noreply\n", ""],
      ["get {a}\n", "VALUE {a} 0 1\nx\nEND\n"],
    ],
  },
];

export const flushAll = family(
  "flush-all",
  cases.map((one) => ({ ...one, alone: true as const })),
);

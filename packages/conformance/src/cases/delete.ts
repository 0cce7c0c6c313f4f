// delete.

import { BAD_FORMAT, exchange, family } from "./common.ts";

export const del = family(
  "delete",
  exchange("a key that is there", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a}\n", "DELETED\n", "get {a}\n", "END\n"),
  exchange("a key that is not", "delete {a}\n", "NOT_FOUND\n"),
  exchange("twice", "set {a} 0 0 1\nx\ndelete {a}\ndelete {a}\n", "STORED\nDELETED\nNOT_FOUND\n"),
  exchange("noreply", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a} noreply\n", "", "get {a}\n", "END\n"),
  exchange("noreply on a miss", "delete {a} noreply\n", ""),
  exchange("with the old time of 0", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a} 0\n", "DELETED\n"),
  exchange("with 0 and noreply", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a} 0 noreply\n", "", "get {a}\n", "END\n"),
  exchange("with a time", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a} 5\n", "DELETED\n"),
  exchange("with a time and noreply is silent", "set {a} 0 0 1\nx\n", "STORED\n", "delete {a} 10 noreply\n", ""),
  exchange("with several words", "delete {a} b c d e\n", "NOT_FOUND\n"),
  exchange("without a key", "delete\n", BAD_FORMAT, "delete \n", BAD_FORMAT),
  exchange("a key of 250 bytes", "set {a:250} 0 0 1\nx\ndelete {a:250}\n", "STORED\nDELETED\n"),
  exchange("a key of 251 bytes", "delete {a:251}\n", BAD_FORMAT),
  exchange(
    "another key stays",
    "set {a} 0 0 1\nx\nset {b} 0 0 1\ny\ndelete {a}\n",
    "STORED\nSTORED\nDELETED\n",
    "get {a} {b}\n",
    "VALUE {b} 0 1\ny\nEND\n",
  ),
  exchange(
    "add after a delete stores",
    "set {a} 0 0 1\nx\ndelete {a}\nadd {a} 0 0 1\ny\n",
    "STORED\nDELETED\nSTORED\n",
  ),
  exchange(
    "a large value",
    "set {a} 0 0 200000\n{x*200000}\n",
    "STORED\n",
    "delete {a}\n",
    "DELETED\n",
    "get {a}\n",
    "END\n",
  ),
);

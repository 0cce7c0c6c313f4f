// mn and me.

import { BAD_FORMAT, exchange, family } from "./common.ts";

const ME = "exp={/-?\\d+/} la={#} cas={#cas} fetch={/yes|no/} cls={#} size={#}";

export const metaNoopDebug = family(
  "meta-noop-debug",
  exchange("mn", "mn\n", "MN\n"),
  exchange("mn with more words", "mn foo\n", "MN\n"),
  exchange("mn ends a row of quiet commands", "mg {a} v q\nmg {b} v q\nmn\n", "MN\n"),
  exchange("me of a key that is there", "set {a} 0 0 1\nx\n", "STORED\n", "me {a}\n", `ME {a} ${ME}\n`),
  exchange("me of a key that is not", "me {a}\n", "EN\n"),
  exchange(
    "me tells that an item never expires",
    "set {a} 0 0 1\nx\n",
    "STORED\n",
    "me {a}\n",
    "ME {a} exp=-1 la={/[01]/} cas={#} fetch=no cls={#} size={#}\n",
  ),
  exchange(
    "me tells the seconds left",
    "set {a} 0 100 1\nx\n",
    "STORED\n",
    "me {a}\n",
    "ME {a} exp={/100|99/} la={/[01]/} cas={#} fetch=no cls={#} size={#}\n",
  ),
  exchange(
    "me tells a fetch",
    "set {a} 0 0 1\nx\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 0 1\nx\nEND\n",
    "me {a}\n",
    "ME {a} exp=-1 la={/[01]/} cas={#} fetch=yes cls={#} size={#}\n",
  ),
  exchange(
    "me is no fetch itself",
    "set {a} 0 0 1\nx\n",
    "STORED\n",
    "me {a}\nme {a}\n",
    "ME {a} {..} fetch=no {..}\nME {a} {..} fetch=no {..}\n",
  ),
  exchange(
    "me tells the cas of gets",
    "set {a} 0 0 1\nx\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 0 1 {#cas}\nx\nEND\n",
    "me {a}\n",
    "ME {a} {..} cas={$cas} {..}\n",
  ),
  exchange(
    "me tells memcached's size of an item",
    "set {a:20} 0 0 100\n{x*100}\n",
    "STORED\n",
    "me {a:20}\n",
    "ME {a:20} {..} cls=4 size=179\n",
  ),
  exchange(
    "me: client flags take four bytes more",
    "set {a:20} 1 0 100\n{x*100}\n",
    "STORED\n",
    "me {a:20}\n",
    "ME {a:20} {..} cls=4 size=183\n",
  ),
  exchange("me of a base64 key", "set {a} 0 0 1\nx\n", "STORED\n", "me {a.b64} b\n", "EN\n"),
  exchange("me without a key", "me\n", BAD_FORMAT),
  exchange("me with a key of 251 bytes", "me {a:251}\n", BAD_FORMAT),
);

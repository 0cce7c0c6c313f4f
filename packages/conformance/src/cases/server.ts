// version, verbosity, quit, shutdown, cache_memlimit and the commands that steer a memcached.

import type { Case } from "../case.ts";
import { BAD_FORMAT, exchange, family } from "./common.ts";

const closing: Case[] = [
  { name: "quit closes without an answer", steps: [{ send: "quit\n", closes: true }] },
  {
    name: "quit answers what came before it, not what comes after",
    steps: [{ send: "get {a}\nquit\nget {a}\n", expect: "END\n", closes: true }],
  },
  { name: "quit with a word", steps: [{ send: "quit foo\n", closes: true }] },
  { name: "a line of HTTP closes without an answer", steps: [{ send: "GET / HTTP/1.1\n", closes: true }] },
  { name: "a POST of HTTP closes without an answer", steps: [{ send: "POST /x HTTP/1.0\n", closes: true }] },
  { name: "an unknown command whose last word is HTTP/ closes", steps: [{ send: "foo HTTP/\n", closes: true }] },
];

export const server = family(
  "server",
  exchange("version", "version\n", "VERSION {..}\n"),
  exchange("version with a word", "version foo\n", "VERSION {..}\n"),
  exchange("verbosity 0", "verbosity 0\n", "OK\n"),
  exchange("verbosity without a word", "verbosity\n", BAD_FORMAT),
  exchange("verbosity with a word that is no number", "verbosity foo\n", BAD_FORMAT),
  exchange("verbosity noreply alone", "verbosity noreply\n", ""),
  exchange("verbosity 0 noreply", "verbosity 0 noreply\n", ""),
  exchange("verbosity with three words", "verbosity 0 foo bar\n", "OK\n"),
  closing,
  exchange("shutdown is off", "shutdown\n", "SERVER_ERROR: shutdown not enabled\n"),
  {
    name: "-A lets shutdown end it",
    flags: ["-A"],
    alone: true,
    fresh: true,
    steps: [
      { send: "shutdown foo\n", expect: "CLIENT_ERROR invalid shutdown mode\n" },
      { send: "shutdown\n", closes: true },
    ],
  },
  {
    ...exchange(
      "cache_memlimit",
      "cache_memlimit 128\n",
      "OK\n",
      "stats settings\n",
      "STAT maxbytes 134217728\n{...}END\n",
      "cache_memlimit 64\n",
      "OK\n",
    ),
    alone: true,
  },
  exchange(
    "cache_memlimit too small",
    "cache_memlimit 7\n",
    "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\n",
  ),
  exchange("cache_memlimit with no number", "cache_memlimit\n", "ERROR\n", "cache_memlimit foo\n", "ERROR\n"),
  exchange("cache_memlimit noreply", "cache_memlimit 64 noreply\n", ""),
  exchange("slabs automove", "slabs automove 1\n", "OK\n"),
  exchange("slabs automove without a word", "slabs automove\n", "ERROR\n"),
  exchange("slabs reassign of one class to itself", "slabs reassign 5 5\n", "SAME src and dst class are identical\n"),
  exchange("slabs reassign of a bad class", "slabs reassign 200 1\n", "BADCLASS invalid src or dst class id\n"),
  exchange("slabs alone", "slabs\n", "ERROR\n"),
  exchange("lru tune", "lru tune 20 40 0.2 2.0\n", "OK\n"),
  exchange("lru mode", "lru mode segmented\n", "OK\n"),
  exchange("lru temp_ttl", "lru temp_ttl -1\n", "OK\n"),
  exchange("lru alone", "lru\n", "ERROR\n"),
  exchange("lru_crawler tocrawl", "lru_crawler tocrawl 0\n", "OK\n"),
  exchange(
    "lru_crawler sleep too long",
    "lru_crawler sleep 2000000\n",
    "CLIENT_ERROR sleep must be one second or less\n",
  ),
  exchange("lru_crawler alone", "lru_crawler\n", "ERROR\n"),
  exchange("lru_crawler with an unknown word", "lru_crawler foo\n", "ERROR\n"),
  exchange("watch of an unknown stream", "watch foo\n", "ERROR\n"),
);

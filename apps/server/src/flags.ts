// Every flag of the binary, spelled as memcached spells it: the table from which arguments are read, errors are named and
// `-h` is printed. Flags that memcached has and this server lacks are in `refused`, so that they are refused by name.

import { formatSize, MAX_ITEM_BYTES, MIN_ITEM_BYTES } from "@marugoto/core";
import { defaults } from "@marugoto/server";
import { applyExtended } from "./extended-options.ts";
import { bytes, wholeNumber, wrong, type Flag } from "./flag-table.ts";
import { replicationFlags, replicationPort } from "./replication-flags.ts";

const MAX_PORT = 65_535;
const MIN_MEMORY = 1024 ** 2;
const MAX_MEMORY = 64 * 1024 ** 3;
const MAX_COUNT = 10_000_000;

export const flags: readonly Flag[] = [
  {
    short: "p",
    long: "port",
    value: "<num>",
    help: "TCP port to listen on; -1: any free one, 0: none",
    fallback: "11211",
    apply: (settings, text, name) => (settings.port = wholeNumber(text, name, -1, MAX_PORT)),
  },
  {
    short: "U",
    long: "udp-port",
    value: "<num>",
    help: "UDP port; only 0, off: this server speaks TCP and UNIX sockets",
    fallback: "0",
    apply: (settings, text, name) => (settings.udpPort = wholeNumber(text, name, -1, MAX_PORT)),
  },
  {
    short: "s",
    long: "unix-socket",
    value: "<file>",
    help: "UNIX socket to listen on (disables network support)",
    apply: (settings, text) => (settings.socketPath = text),
  },
  {
    short: "a",
    long: "unix-mask",
    value: "<mask>",
    help: "access mask for UNIX socket, in octal",
    fallback: "700",
    apply: (settings, text, name) => {
      if (!/^0?[0-7]{1,3}$/.test(text)) throw wrong(`${name} is ${text}, must be an octal number from 0 to 777`);
      settings.socketMode = Number.parseInt(text, 8);
    },
  },
  {
    short: "A",
    long: "enable-shutdown",
    help: 'enable ascii "shutdown" command',
    apply: (settings) => (settings.server.shutdownEnabled = true),
  },
  {
    short: "l",
    long: "listen",
    value: "<addr>",
    help: "address to listen on: host, host:port or [ipv6]:port; repeat it, or separate several by commas",
    fallback: "127.0.0.1",
    apply: (settings, text) => settings.listen.push(...text.split(",").map((part) => part.trim())),
  },
  { short: "d", long: "daemon", help: "run as a daemon", apply: (settings) => (settings.daemon = true) },
  {
    short: "u",
    long: "user",
    value: "<user>",
    help: "assume identity of <user> (only when run as root)",
    apply: (settings, text) => (settings.user = text),
  },
  {
    short: "m",
    long: "memory-limit",
    value: "<num>",
    help: "item memory in megabytes, or with a unit, as in 4g",
    fallback: String(defaults.memoryBytes / 1024 ** 2),
    apply: (settings, text, name) => (settings.memoryBytes = bytes(text, name, "m", MIN_MEMORY, MAX_MEMORY)),
  },
  {
    short: "M",
    long: "disable-evictions",
    help: "return error on memory exhausted instead of evicting",
    apply: (settings) => (settings.server.evict = false),
  },
  {
    short: "c",
    long: "conn-limit",
    value: "<num>",
    help: "max simultaneous connections",
    fallback: String(defaults.maxConnections),
    apply: (settings, text, name) => (settings.server.maxConnections = wholeNumber(text, name, 1, MAX_COUNT)),
  },
  {
    short: "v",
    long: "verbose",
    help: "verbose (print what happens); -vv also prints connections and client commands",
    apply: (settings) => (settings.verbosity = Math.min(settings.verbosity + 1, 3)),
  },
  { short: "h", long: "help", help: "print this help and exit", apply: (settings) => (settings.show = "help") },
  { short: "V", long: "version", help: "print version and exit", apply: (settings) => (settings.show ??= "version") },
  {
    short: "P",
    long: "pidfile",
    value: "<file>",
    help: "save the process id in <file>",
    apply: (settings, text) => (settings.pidFile = text),
  },
  {
    short: "f",
    long: "slab-growth-factor",
    value: "<num>",
    help: 'growth of the size classes in "stats items" and "stats slabs"; memory is not divided by them',
    fallback: String(defaults.growthFactor),
    apply: (settings, text, name) => {
      const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      if (!(factor > 1 && factor <= 16)) throw wrong(`${name} is ${text}, must be more than 1 and at most 16`);
      settings.server.growthFactor = factor;
    },
  },
  {
    short: "n",
    long: "slab-min-size",
    value: "<bytes>",
    help: "key, value and flags in the smallest of those classes",
    fallback: String(defaults.minItemBytes),
    apply: (settings, text, name) => (settings.server.minItemBytes = wholeNumber(text, name, 1, 1024 ** 2)),
  },
  {
    short: "D",
    value: "<char>",
    help: 'delimiter between key prefix and the rest, for "stats detail", which it turns on',
    fallback: defaults.prefixDelimiter,
    apply: (settings, text, name) => {
      if (Buffer.byteLength(text) !== 1) throw wrong(`${name} is "${text}", must be 1 byte`);
      settings.server.prefixDelimiter = text;
      settings.server.detailEnabled = true;
    },
  },
  {
    short: "t",
    long: "threads",
    value: "<num>",
    help: "accepted for memcached's sake: one thread serves all clients",
    fallback: String(defaults.threads),
    apply: (settings, text, name) => (settings.threads = wholeNumber(text, name, 1, 1024)),
  },
  {
    short: "R",
    long: "max-reqs-per-event",
    value: "<num>",
    help: "requests of one client served in a row before the others have their turn",
    fallback: String(defaults.requestsPerEvent),
    apply: (settings, text, name) => (settings.server.requestsPerEvent = wholeNumber(text, name, 1, 1_000_000)),
  },
  { short: "C", long: "disable-cas", help: "disable use of CAS", apply: (settings) => (settings.server.cas = false) },
  {
    short: "b",
    long: "listen-backlog",
    value: "<num>",
    help: "set the backlog queue limit",
    fallback: String(defaults.backlog),
    apply: (settings, text, name) => (settings.server.backlog = wholeNumber(text, name, 1, 2 ** 31 - 1)),
  },
  {
    short: "B",
    long: "protocol",
    value: "<name>",
    help: "protocol: ascii or auto, which are the same while there is no other",
    fallback: "auto",
    apply: (settings, text, name) => {
      if (text !== "auto" && text !== "ascii" && text !== "binary")
        throw wrong(`${name} is ${text}, must be auto or ascii`);
      settings.protocol = text;
    },
  },
  {
    short: "I",
    long: "max-item-size",
    value: "<num>",
    help: `largest item in bytes, or with k or m (min: ${formatSize(MIN_ITEM_BYTES)}, max: ${formatSize(MAX_ITEM_BYTES)})`,
    fallback: formatSize(defaults.maxItemBytes),
    apply: (settings, text, name) => (settings.maxItemBytes = bytes(text, name, "b", MIN_ITEM_BYTES, MAX_ITEM_BYTES)),
  },
  {
    short: "F",
    long: "disable-flush-all",
    help: "disable flush_all command",
    apply: (settings) => (settings.server.flushEnabled = false),
  },
  {
    short: "X",
    long: "disable-dumping",
    help: "disable stats cachedump, stats detail, and lru_crawler metadump",
    apply: (settings) => (settings.server.dumpEnabled = false),
    withNumber: replicationPort,
  },
  {
    short: "W",
    long: "disable-watch",
    help: "accepted for memcached's sake: there is no watch command yet",
    apply: () => undefined,
  },
  ...replicationFlags,
  {
    short: "o",
    long: "extended",
    value: "<list>",
    help: "comma separated list of extended options:",
    apply: applyExtended,
  },
  { long: "debug-commands", apply: (settings) => (settings.server.debugCommands = true) },
];

/** Flags of memcached that this server refuses: short form, long form, and what it would do. */
export const refused: readonly (readonly [short: string, long: string, purpose: string])[] = [
  ["S", "enable-sasl", "SASL authentication"],
  ["Y", "auth-file", "authentication by a file"],
  ["Z", "enable-ssl", "TLS"],
  ["e", "memory-file", "a memory file that outlives the process"],
  ["k", "lock-memory", "locking memory"],
  ["L", "enable-largepages", "large memory pages"],
  ["r", "enable-coredumps", "setting the core file limit"],
  ["N", "napi-ids", "choosing threads by NAPI id"],
];

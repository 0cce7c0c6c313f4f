// The command table of the text protocols, classic and meta: one row per command word. The parsers dispatch by it,
// docs/protocol.md is checked against it, and tests iterate over it ("every mutating command is replicated").
// The binary protocol's opcodes are not here.

/** Small integer per command, stable within a version. 0 is a word that no command has. */
export const Command = {
  unknown: 0,
  get: 1,
  gets: 2,
  gat: 3,
  gats: 4,
  set: 5,
  add: 6,
  replace: 7,
  append: 8,
  prepend: 9,
  cas: 10,
  delete: 11,
  incr: 12,
  decr: 13,
  touch: 14,
  metaGet: 15,
  metaSet: 16,
  metaDelete: 17,
  metaArithmetic: 18,
  metaNoop: 19,
  metaDebug: 20,
  flushAll: 21,
  version: 22,
  verbosity: 23,
  quit: 24,
  stats: 25,
  cacheMemlimit: 26,
  shutdown: 27,
  slabs: 28,
  lru: 29,
  lruCrawler: 30,
  watch: 31,
  debugtime: 32,
  refreshCerts: 33,
} as const;

export type Command = (typeof Command)[keyof typeof Command];

export type CommandName = Exclude<keyof typeof Command, "unknown">;

/** Commands that are parsed and answered alike. */
export type CommandFamily =
  "retrieval" | "storage" | "removal" | "arithmetic" | "touch" | "meta" | "control" | "information";

/** One row of the command table. */
export interface CommandInfo {
  /** Key of `Command`. */
  readonly name: CommandName;
  readonly code: Command;
  /** First word on the wire; case counts. */
  readonly word: string;
  readonly family: CommandFamily;
  /** True when the command can change an item, its expiry or the set of items: what a replica has to hear of. */
  readonly mutating: boolean;
  /** True when a data block follows the command line. */
  readonly hasValue: boolean;
  /** What makes the server keep the plain answer to itself; null: nothing does. */
  readonly quiet: "noreply" | "q" | null;
  /** The line without CRLF; `<a>` required, `[a]` optional, `*` any number. */
  readonly syntax: string;
  /** First words of what may be answered, the common errors (`ERROR`, `CLIENT_ERROR …`, `SERVER_ERROR …`) left out. */
  readonly replies: readonly string[];
  /** One line of help. */
  readonly help: string;
}

type Row = Omit<CommandInfo, "code" | "word"> & { word?: string };

const retrieval = { family: "retrieval", hasValue: false, quiet: null } as const;
const storage = { family: "storage", mutating: true, hasValue: true, quiet: "noreply" } as const;
const noreply = { mutating: true, hasValue: false, quiet: "noreply" } as const;
const control = { family: "control", mutating: false, hasValue: false, quiet: "noreply" } as const;
const meta = { family: "meta", hasValue: false, quiet: "q" } as const;

const rows: readonly Row[] = [
  // ---- classic: items ----
  {
    name: "get",
    ...retrieval,
    mutating: false,
    syntax: "get <key>*",
    replies: ["VALUE", "END"],
    help: "Reads any number of keys.",
  },
  {
    name: "gets",
    ...retrieval,
    mutating: false,
    syntax: "gets <key>*",
    replies: ["VALUE", "END"],
    help: "As `get`, with the cas of each item.",
  },
  {
    name: "gat",
    ...retrieval,
    mutating: true,
    syntax: "gat <exptime> <key>*",
    replies: ["VALUE", "END"],
    help: "Reads keys and gives each found item a new exptime.",
  },
  {
    name: "gats",
    ...retrieval,
    mutating: true,
    syntax: "gats <exptime> <key>*",
    replies: ["VALUE", "END"],
    help: "As `gat`, with the cas of each item.",
  },
  {
    name: "set",
    ...storage,
    syntax: "set <key> <flags> <exptime> <bytes> [noreply]",
    replies: ["STORED"],
    help: "Stores a value.",
  },
  {
    name: "add",
    ...storage,
    syntax: "add <key> <flags> <exptime> <bytes> [noreply]",
    replies: ["STORED", "NOT_STORED"],
    help: "Stores a value if the key has none.",
  },
  {
    name: "replace",
    ...storage,
    syntax: "replace <key> <flags> <exptime> <bytes> [noreply]",
    replies: ["STORED", "NOT_STORED"],
    help: "Stores a value if the key has one.",
  },
  {
    name: "append",
    ...storage,
    syntax: "append <key> <flags> <exptime> <bytes> [noreply]",
    replies: ["STORED", "NOT_STORED"],
    help: "Puts bytes behind a value; flags and exptime are ignored.",
  },
  {
    name: "prepend",
    ...storage,
    syntax: "prepend <key> <flags> <exptime> <bytes> [noreply]",
    replies: ["STORED", "NOT_STORED"],
    help: "Puts bytes before a value; flags and exptime are ignored.",
  },
  {
    name: "cas",
    ...storage,
    syntax: "cas <key> <flags> <exptime> <bytes> <cas> [noreply]",
    replies: ["STORED", "EXISTS", "NOT_FOUND"],
    help: "Stores a value if the item still has this cas.",
  },
  {
    name: "delete",
    ...noreply,
    family: "removal",
    syntax: "delete <key> [0] [noreply]",
    replies: ["DELETED", "NOT_FOUND"],
    help: "Removes an item.",
  },
  {
    name: "incr",
    ...noreply,
    family: "arithmetic",
    syntax: "incr <key> <delta> [noreply]",
    replies: ["<number>", "NOT_FOUND"],
    help: "Adds to a decimal value; wraps at 2^64.",
  },
  {
    name: "decr",
    ...noreply,
    family: "arithmetic",
    syntax: "decr <key> <delta> [noreply]",
    replies: ["<number>", "NOT_FOUND"],
    help: "Subtracts from a decimal value; stops at 0.",
  },
  {
    name: "touch",
    ...noreply,
    family: "touch",
    syntax: "touch <key> <exptime> [noreply]",
    replies: ["TOUCHED", "NOT_FOUND"],
    help: "Gives an item a new exptime.",
  },
  // ---- meta ----
  {
    name: "metaGet",
    word: "mg",
    ...meta,
    mutating: true,
    syntax: "mg <key> <flag>*",
    replies: ["VA", "HD", "EN"],
    help: "Reads, touches, creates on a miss, wins a recache.",
  },
  {
    name: "metaSet",
    word: "ms",
    ...meta,
    hasValue: true,
    mutating: true,
    syntax: "ms <key> <bytes> <flag>*",
    replies: ["HD", "NS", "EX", "NF"],
    help: "Stores in the mode of flag M.",
  },
  {
    name: "metaDelete",
    word: "md",
    ...meta,
    mutating: true,
    syntax: "md <key> <flag>*",
    replies: ["HD", "NF", "EX", "NS"],
    help: "Removes an item, or marks it stale.",
  },
  {
    name: "metaArithmetic",
    word: "ma",
    ...meta,
    mutating: true,
    syntax: "ma <key> <flag>*",
    replies: ["HD", "VA", "NF", "NS", "EX"],
    help: "Adds or subtracts, creates on a miss.",
  },
  {
    name: "metaNoop",
    word: "mn",
    ...meta,
    quiet: null,
    mutating: false,
    syntax: "mn",
    replies: ["MN"],
    help: "Answers at once: marks the end of a pipeline.",
  },
  {
    name: "metaDebug",
    word: "me",
    ...meta,
    quiet: null,
    mutating: false,
    syntax: "me <key> [b]",
    replies: ["ME", "EN"],
    help: "What the server knows about an item.",
  },
  // ---- control and information ----
  {
    name: "flushAll",
    word: "flush_all",
    ...control,
    mutating: true,
    syntax: "flush_all [delay] [noreply]",
    replies: ["OK"],
    help: "Makes everything stored so far invisible.",
  },
  {
    name: "version",
    ...control,
    family: "information",
    quiet: null,
    syntax: "version",
    replies: ["VERSION"],
    help: "The server's version.",
  },
  {
    name: "verbosity",
    ...control,
    syntax: "verbosity <level> [noreply]",
    replies: ["OK"],
    help: "How much the server logs.",
  },
  { name: "quit", ...control, quiet: null, syntax: "quit", replies: [], help: "Closes the connection." },
  {
    name: "stats",
    ...control,
    family: "information",
    quiet: null,
    syntax: "stats [section] [argument]*",
    replies: ["STAT", "PREFIX", "ITEM", "END", "RESET", "OK"],
    help: "Figures, settings, dumps.",
  },
  {
    name: "cacheMemlimit",
    word: "cache_memlimit",
    ...control,
    syntax: "cache_memlimit <megabytes> [noreply]",
    replies: ["OK", "MEMLIMIT_TOO_SMALL", "MEMLIMIT_ADJUST_FAILED"],
    help: "Changes the memory limit.",
  },
  {
    name: "shutdown",
    ...control,
    syntax: "shutdown [graceful]",
    replies: [],
    help: "Ends the server where that is allowed.",
  },
  {
    name: "slabs",
    ...control,
    syntax: "slabs reassign|automove <argument>*",
    replies: ["OK", "BUSY", "BADCLASS", "NOSPARE", "SAME"],
    help: "Moves pages between slab classes.",
  },
  { name: "lru", ...control, syntax: "lru tune|mode|temp_ttl <argument>*", replies: ["OK"], help: "Tunes the LRU." },
  {
    name: "lruCrawler",
    word: "lru_crawler",
    ...control,
    syntax: "lru_crawler enable|disable|sleep|tocrawl|crawl|metadump|mgdump [argument]",
    replies: ["OK", "END", "EN", "BUSY", "BADCLASS", "NOTSTARTED"],
    help: "The expiry crawler, and dumps of keys.",
  },
  {
    name: "watch",
    ...control,
    family: "information",
    quiet: null,
    syntax: "watch [stream]*",
    replies: ["OK", "WATCHER_TOO_MANY", "WATCHER_FAILED"],
    help: "Turns the connection into a log of events.",
  },
  {
    name: "debugtime",
    ...control,
    syntax: "debugtime p|r|<seconds>",
    replies: ["OK"],
    help: "Pauses, resumes or moves the clock; for tests.",
  },
  {
    name: "refreshCerts",
    word: "refresh_certs",
    ...control,
    syntax: "refresh_certs",
    replies: ["OK"],
    help: "Reads the TLS certificates again.",
  },
];

/** The table, in the order of the codes. */
export const commands: readonly CommandInfo[] = rows.map((row) =>
  Object.freeze({ ...row, code: Command[row.name], word: row.word ?? row.name }),
);

/** The row of a code; undefined for `Command.unknown`. */
export function commandInfo(code: Command): CommandInfo | undefined {
  return commands[code - 1];
}

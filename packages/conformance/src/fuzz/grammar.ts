// The grammar of the differential fuzz: all text and meta commands, all flags, edge numbers, keys of every kind. What
// time decides is left out (a time to live of some seconds, a delayed flush_all), and so is what no two servers can
// have in common (version, most of stats): the cases look at those.

import type { Random } from "@marugoto/testing";
import { openCas } from "./unit.ts";

/** The keys of a run, by name. Few, so that commands meet. */
export const keys: Readonly<Record<string, string>> = {
  a: "a",
  b: "b",
  number: "n:1",
  list: "list.of/things",
  accent: "caf\xc3\xa9",
  control: "ctl\x01\x7f",
  long: "L".repeat(250),
  mid: "m".repeat(100),
};
const keyNames = Object.keys(keys);

/** Keys that only base64 can carry. */
const binaryKeys = ["\0\x01\x02", " space", "line\r\nend", "\xff\xfe\xfd\xfc"];

const flagNumbers = [
  "0",
  "0",
  "0",
  "1",
  "255",
  "65535",
  "2147483648",
  "4294967295",
  "4294967296",
  "-1",
  "abc",
  "1x",
  "",
  "99999999999999999999",
];
const exptimes = [
  "0",
  "0",
  "0",
  "0",
  "3600",
  "86400",
  "2592000",
  "2592001",
  "-1",
  "-100",
  "1000000000",
  "2147483647",
  "abc",
  "36x",
  "-",
  "99999999999",
];
const deltas = [
  "0",
  "1",
  "1",
  "2",
  "10",
  "999",
  "4294967296",
  "18446744073709551615",
  "18446744073709551616",
  "-1",
  "abc",
  "1x",
  "",
  "00012",
];
const numbers = [
  "0",
  "1",
  "5",
  "9",
  "10",
  "99",
  "100",
  "1000",
  "4294967295",
  "9007199254740992",
  "18446744073709551615",
  "18446744073709551614",
  "18446744073709551616",
  "-1",
  " 7",
  "007",
  "12 ",
  "1 2",
  "1.5",
  "0x10",
  "12ab",
];
const opaques = ["1", "abc", "0123456789", "x".repeat(31), "", "\x80\xff"];

/** Flags, or what stands in them, that memcached 1.6.18 refuses, passes over or understands otherwise. */
const sinceThen = {
  mg: /^(?:[ExIMC]|[TNR]-$)/,
  ms: /^(?:[EvNs]|M(?:$|..)|[TF]-$|F\d{10,}$|F$|F-)/,
  md: /^(?:[Exv]|T-$)/,
  ma: /^(?:E|M(?:$|..)|[TN]-$|q)/,
} as const;

/** Makes request texts from a stream of random numbers. */
export class Grammar {
  readonly #random: Random;
  readonly #modern: boolean;
  readonly #exptimes: readonly string[];

  /** @param modern all that memcached 1.6.45 knows; false leaves out what 1.6.18 did not */
  constructor(random: Random, modern = true) {
    this.#random = random;
    this.#modern = modern;
    this.#exptimes = modern ? exptimes : exptimes.filter((text) => !/^(?:-|\d{11,})$/.test(text));
  }

  /** One request, its payload included, with its line ends. */
  request(): string {
    const random = this.#random;
    const roll = random.next();
    if (roll < 0.24) return this.#storage();
    if (roll < 0.29) return this.#cas();
    if (roll < 0.41) return this.#get();
    if (roll < 0.47) return this.#gat();
    if (roll < 0.52) return this.#line("delete", this.#key(), random.pick(["", "", "", "0", "noreply", "0 noreply"]));
    if (roll < 0.6) return this.#line(random.pick(["incr", "decr"]), this.#key(), random.pick(deltas), this.#noreply());
    if (roll < 0.64) return this.#line("touch", this.#key(), random.pick(this.#exptimes), this.#noreply());
    if (roll < 0.76) return this.#metaGet();
    if (roll < 0.84) return this.#metaSet();
    if (roll < 0.89) return this.#metaDelete();
    if (roll < 0.95) return this.#metaArithmetic();
    if (roll < 0.965) return this.#line("me", ...this.#metaKey().words);
    if (roll < 0.975) return "mn\r\n";
    return this.#rare();
  }

  // ---- classic ----

  #storage(): string {
    const random = this.#random;
    const command = random.pick(["set", "set", "set", "add", "replace", "append", "prepend"]);
    const value = this.#value();
    return (
      this.#line(
        command,
        this.#key(),
        random.pick(flagNumbers),
        random.pick(this.#exptimes),
        this.#length(value),
        this.#noreply(),
      ) + `${value}\r\n`
    );
  }

  #cas(): string {
    const random = this.#random;
    const name = random.pick(keyNames);
    const value = this.#value();
    const cas = random.pick([
      openCas(name),
      openCas(name),
      openCas(name, 1_000_000),
      openCas(name, -1),
      "0",
      "18446744073709551615",
      "18446744073709551616",
      "-1",
      "abc",
      "",
    ]);
    return (
      this.#line(
        "cas",
        keys[name] ?? name,
        random.pick(flagNumbers),
        random.pick(this.#exptimes),
        this.#length(value),
        cas,
        this.#noreply(),
      ) + `${value}\r\n`
    );
  }

  #get(): string {
    const count = this.#random.pick([0, 1, 1, 1, 1, 2, 3, 8, 30]);
    return this.#line(this.#random.pick(["get", "get", "gets"]), ...Array.from({ length: count }, () => this.#key()));
  }

  #gat(): string {
    const count = this.#random.pick([0, 1, 1, 1, 2, 3]);
    const found = Array.from({ length: count }, () => this.#key());
    return this.#line(this.#random.pick(["gat", "gats"]), this.#random.pick(this.#exptimes), ...found);
  }

  // ---- meta ----

  #metaGet(): string {
    const { words, name } = this.#metaKey();
    const some = [
      "v",
      "v",
      "v",
      "f",
      "s",
      "t",
      "h",
      "l",
      "k",
      "q",
      "c",
      "u",
      "x",
      "I",
      "M",
      this.#opaque(),
      ...this.#ttls(["T", "N"]),
      `R${this.#random.pick(["0", "30", "99999999", "abc", ""])}`,
      ...this.#casFlags(name),
    ];
    return this.#line("mg", ...words, ...this.#some("mg", some));
  }

  #metaSet(): string {
    const random = this.#random;
    const value = this.#value();
    const { words, name } = this.#metaKey();
    const flags = this.#some("ms", [
      "c",
      "k",
      "q",
      "s",
      "I",
      "v",
      this.#opaque(),
      ...this.#ttls(["T", "N"]),
      `F${random.pick(flagNumbers)}`,
      `M${random.pick(["E", "A", "P", "R", "S", "S", "e", "X", "", "Set"])}`,
      ...this.#casFlags(name),
    ]);
    const [key = "", ...b] = words;
    return this.#line("ms", key, this.#length(value), ...b, ...flags) + `${value}\r\n`;
  }

  #metaDelete(): string {
    const { words, name } = this.#metaKey();
    return this.#line(
      "md",
      ...words,
      ...this.#some("md", [
        "k",
        "q",
        "I",
        "I",
        "x",
        "v",
        this.#opaque(),
        ...this.#ttls(["T"]),
        ...this.#casFlags(name),
      ]),
    );
  }

  #metaArithmetic(): string {
    const random = this.#random;
    const { words, name } = this.#metaKey();
    const flags = [
      "v",
      "v",
      "t",
      "c",
      "k",
      "q",
      this.#opaque(),
      ...this.#ttls(["N", "N"]),
      `D${random.pick(deltas)}`,
      `J${random.pick(deltas)}`,
      `M${random.pick(["I", "D", "+", "-", "i", "X", "", "Incr"])}`,
      ...this.#casFlags(name),
    ];
    return this.#line("ma", ...words, ...this.#some("ma", flags));
  }

  #some(command: keyof typeof sinceThen, known: readonly string[]): string[] {
    const flags = this.#modern ? known : known.filter((flag) => !sinceThen[command].test(flag));
    const count = this.#random.pick([0, 1, 1, 2, 2, 3, 4, 6]);
    return Array.from({ length: count }, () =>
      this.#random.chance(0.02)
        ? this.#random.pick(["z", ...(this.#modern ? ["!", "1", "\xe9"] : []), "V", "PPP", "Lx"])
        : this.#random.pick(flags),
    );
  }

  #ttls(letters: readonly string[]): string[] {
    return letters.map((letter) => letter + this.#random.pick(this.#exptimes));
  }

  #opaque(): string {
    return `O${this.#random.pick(opaques)}`;
  }

  /** Compares with the cas of the very key: the number of another could be its own on one server only. */
  #casFlags(name: string | undefined): string[] {
    const own =
      name === undefined
        ? "1"
        : this.#random.pick([openCas(name), openCas(name), openCas(name, 1_000_000), openCas(name, -1)]);
    return [
      `C${this.#random.pick([own, own, own, "0", "abc"])}`,
      `E${this.#random.pick(["1099511627776000", "1099511627776001", "1099511627779999", "abc"])}`,
    ];
  }

  /** A key as meta commands take it, with `b` if it is in base64; its name if it is one of `keys`. */
  #metaKey(): { words: string[]; name?: string } {
    const random = this.#random;
    const name = random.pick(keyNames);
    const key = keys[name] ?? "";
    if (random.chance(0.85)) return random.chance(0.02) ? { words: [this.#key()] } : { words: [key], name };
    if (random.chance(0.05)) return { words: [random.pick(["!!!!", "YQ", "YQ=", "a"]), "b"] };
    if (random.chance(0.5)) return { words: [base64(random.pick(binaryKeys)), "b"] };
    return { words: [base64(key), "b"], name };
  }

  // ---- the rest ----

  #rare(): string {
    const random = this.#random;
    return `${random.pick([
      "flush_all",
      "flush_all 0",
      "flush_all -1",
      "flush_all noreply",
      "flush_all abc",
      "verbosity 0",
      "verbosity",
      "verbosity 0 noreply",
      "verbosity abc",
      "stats foo",
      "stats item",
      "stats cachedump",
      "stats cachedump 200 0",
      "stats cachedump a b",
      "stats detail",
      "stats detail foo",
      "stats sizes",
      "cache_memlimit",
      "cache_memlimit 7",
      "cache_memlimit abc",
      "cache_memlimit 64",
      "shutdown",
      "lru_crawler",
      "lru_crawler foo",
      "lru_crawler tocrawl 0",
      "lru_crawler sleep 2000000",
      "slabs",
      "lru",
      "",
      "x",
      " ",
      "foo",
      "foo bar baz",
      "foo noreply",
      "get",
      "noreply",
      "\0\0\0",
      "\xff\xff\xff",
      "GET key",
      "set",
      "mg",
      "mx a",
    ])}${random.chance(0.1) ? "\n" : "\r\n"}`;
  }

  #key(): string {
    const random = this.#random;
    if (random.chance(0.01)) return "K".repeat(251);
    if (random.chance(0.005)) return "";
    return keys[random.pick(keyNames)] ?? "";
  }

  #noreply(): string {
    return this.#random.pick(["", "", "", "", "", "noreply", "foo"]);
  }

  #value(): string {
    const random = this.#random;
    const roll = random.next();
    if (roll < 0.35) return random.pick(numbers);
    if (roll < 0.85) return "abcdefghijklmnopqrstuvwxyz".slice(0, random.int(27));
    // None of white space alone: memcached's incr reads on beyond its end.
    if (roll < 0.9) return random.pick(["\r\nz", "END\r\n", "get a\r\n", "\nz", "\0", "a\r", "VALUE a 0 1\r\nx"]);
    if (roll < 0.98) return long(random.pick(["x", "y"]), random.int(2000));
    if (roll < 0.997) return long("z", random.int(40_000));
    return long("w", random.pick([500_000, 1_048_000, 1_048_500, 1_048_576, 1_100_000]));
  }

  #length(value: string): string {
    const random = this.#random;
    if (random.chance(0.96)) return String(value.length);
    return random.pick([
      String(value.length + 1),
      String(Math.max(0, value.length - 1)),
      "-1",
      "abc",
      "",
      "2147483648",
      "1x",
      ...(this.#modern ? [`+${value.length}`] : []),
      `0${value.length}`,
    ]);
  }

  #line(...words: readonly string[]): string {
    const gap = this.#random.chance(0.02) ? "  " : " ";
    // An empty word is one that is left out.
    return (
      words.filter((word, index) => word !== "" || index === 0).join(gap) + (this.#random.chance(0.02) ? "\n" : "\r\n")
    );
  }
}

function base64(key: string): string {
  return Buffer.from(key, "latin1").toString("base64");
}

/** A long value. In lines, for where a bad length makes commands of it: a line without an end closes the connection. */
function long(letter: string, bytes: number): string {
  const line = `${letter.repeat(62)}\r\n`;
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
}

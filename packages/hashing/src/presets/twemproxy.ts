// Placement of twemproxy (nutcracker 0.5.0). When servers are ejected and put back is the proxy's affair; a pool with
// some ejected is another placement.

import { CacheError, DEFAULT_PORT } from "@marugoto/core";
import { addMd5Points, ketamaPointCount } from "../distributions/ketama-points.ts";
import { WeightedSlots } from "../distributions/modula.ts";
import { Ring, RingPoints } from "../distributions/ring.ts";
import { twemproxyHash, twemproxyHashNames, type TwemproxyHash } from "../hashes/by-name.ts";
import type { Char, Hash } from "../hashes/hash.ts";
import { BasePlacement, NO_SERVER, type PlacementServer } from "../placement.ts";
import { checkEjected, checkOneOf, checkWhole, invalid, serverId } from "./checks.ts";

/** The keys of a pool in nutcracker.yml that decide placement. */
export interface TwemproxyOptions {
  /** `host:port:weight [name]` or `/path/of.sock:weight [name]`, in any order. */
  readonly servers: readonly string[];
  /** Default "fnv1a_64". */
  readonly hash?: TwemproxyHash;
  /** Default "ketama". twemproxy's third, "random", places nothing and is refused with `not_supported`. */
  readonly distribution?: "ketama" | "modula";
  /** Two characters: only what stands between them in a key is hashed, if that is at least one byte. */
  readonly hash_tag?: string;
  /** Indexes into `servers` that auto_eject_hosts has taken out; with all of them out every key gets `NO_SERVER`. */
  readonly ejected?: readonly number[];
  /** How the proxy's machine reads a char; default "signed". */
  readonly char?: Char;
}

/** A line of `servers:` taken apart (nc_conf.c:1540-1670). */
export interface TwemproxyServer {
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  readonly weight: number;
  /** What is hashed: the alias, else host:port without port 11211; a socket's path keeps its colon. */
  readonly name: string;
  /** The name that the line gives the server. */
  readonly alias: string | undefined;
}

/**
 * Parses `host:port:weight [name]` or `/path:weight [name]`.
 * @throws CacheError `invalid_option` that quotes the line
 */
export function parseTwemproxyServer(line: string): TwemproxyServer {
  const match = /^(\/.*|.*?:(\d+)):(\d+)(?: (\S+))?$/.exec(line);
  if (!match) throw invalid(`"${line}" is not a server; write host:port:weight [name] or /path:weight [name]`);
  const [, address = "", portText, weightText, alias] = match;
  const weight = checkWhole(`weight in "${line}"`, Number(weightText), 1, 0x7fff_ffff);
  if (portText === undefined || line.startsWith("/")) {
    // The name is measured with the length of a port that isn't there, so the colon before the weight belongs to it.
    return { host: address, port: 0, weight, name: alias ?? `${address}:`, alias };
  }
  const port = checkWhole(`port in "${line}"`, Number(portText), 1, 65535);
  const host = address.slice(0, -portText.length - 1);
  return { host, port, weight, name: alias ?? (port === DEFAULT_PORT ? host : address), alias };
}

export class TwemproxyPlacement extends BasePlacement {
  readonly servers: readonly PlacementServer[];
  readonly #options: TwemproxyOptions;
  readonly #aliases: ReadonlySet<string>;
  readonly #hashName: TwemproxyHash;
  readonly #hash: Hash;
  readonly #tag: Uint8Array | undefined;
  readonly #live: number;
  /** Position in twemproxy's sorted list → server index. */
  readonly #order: Uint32Array;
  readonly #ring: Ring | undefined;
  readonly #slots: WeightedSlots | undefined;

  constructor(options: TwemproxyOptions) {
    super();
    if (options.servers.length === 0) throw invalid("twemproxy needs at least one server");
    this.#options = options;
    const parsed = options.servers.map(parseTwemproxyServer);
    this.servers = parsed.map(({ host, port, weight, name }) => ({ id: serverId(host, port), name, weight }));
    this.#aliases = new Set(parsed.flatMap(({ alias }) => alias ?? []));
    this.#hashName = checkOneOf("hash", options.hash ?? "fnv1a_64", twemproxyHashNames);
    this.#hash = twemproxyHash(this.#hashName, options.char ?? "signed");
    if ((options.distribution as string | undefined) === "random") {
      throw new CacheError("not_supported", `distribution "random" places nothing: each request goes anywhere`);
    }
    const distribution = checkOneOf("distribution", options.distribution ?? "ketama", ["ketama", "modula"]);
    if (options.hash_tag !== undefined) {
      this.#tag = Buffer.from(options.hash_tag, "utf8");
      if (this.#tag.length !== 2) throw invalid(`hash_tag is "${options.hash_tag}"; it must be two characters`);
    }

    this.#order = Uint32Array.from(sortedByName(this.servers));
    const ejected = checkEjected(options.ejected ?? [], parsed.length);
    const live = Array.from(this.#order.keys()).filter((position) => !ejected[this.#order[position]!]);
    this.#live = live.length;
    if (live.length === 0) return;
    const server = (position: number) => this.servers[this.#order[position]!]!;
    if (distribution === "modula") {
      this.#slots = new WeightedSlots(
        live.map((position) => server(position).weight),
        live,
      );
      return;
    }
    const total = live.reduce((sum, position) => sum + server(position).weight, 0);
    const points = new RingPoints(live.length * 160);
    for (const position of live) {
      const { name, weight } = server(position);
      addMd5Points(points, position, name, ketamaPointCount(weight, total, live.length));
    }
    this.#ring = new Ring(points);
  }

  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    if (this.#live === 0) return NO_SERVER;
    if (this.#order.length === 1) return 0;
    let from = start;
    let to = end;
    if (this.#tag) {
      const open = indexOfByte(bytes, this.#tag[0]!, start, end);
      const close = open < 0 ? -1 : indexOfByte(bytes, this.#tag[1]!, open + 1, end);
      if (close > open + 1) {
        from = open + 1;
        to = close;
      }
    }
    const hash = from < to ? this.#hash(bytes, from, to) : 0;
    return this.#order[this.#ring ? this.#ring.find(hash) : this.#slots!.find(hash)]!;
  }

  /** The same pool with these servers ejected, and no others. */
  withEjected(ejected: readonly number[]): TwemproxyPlacement {
    return new TwemproxyPlacement({ ...this.#options, ejected });
  }

  protected override label({ id, name }: PlacementServer): string {
    return this.#aliases.has(name) ? `${id} (${name})` : id;
  }

  protected override settings(): string {
    const tag = this.#tag ? `, hash_tag ${Buffer.from(this.#tag).toString("latin1")}` : "";
    const out = this.#live === this.#order.length ? "" : `, ${this.#order.length - this.#live} ejected`;
    return `twemproxy, ${this.#slots ? "modula" : "ketama"}, ${this.#hashName}${tag}${out}`;
  }
}

/** Server indexes by length of name, then by its bytes (nc_conf.c:1191, nc_string.c:102); equal names are refused. */
function sortedByName(servers: readonly PlacementServer[]): number[] {
  const names = servers.map(({ name }) => Buffer.from(name, "utf8"));
  const compare = (a: number, b: number) => {
    const x = names[a]!;
    const y = names[b]!;
    return x.length - y.length || Buffer.compare(x, y);
  };
  const order = Array.from(names.keys()).sort(compare);
  for (let i = 1; i < order.length; i++) {
    if (compare(order[i - 1]!, order[i]!) === 0)
      throw invalid(`two servers have the name "${servers[order[i]!]!.name}"`);
  }
  return order;
}

function indexOfByte(bytes: Uint8Array, byte: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === byte) return i;
  return -1;
}

/** @throws CacheError `invalid_option`, or `not_supported` for `random` */
export function twemproxy(options: TwemproxyOptions): TwemproxyPlacement {
  return new TwemproxyPlacement(options);
}

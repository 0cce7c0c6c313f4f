// What a list of calls on a PHP Memcached object leaves behind, as far as placement goes. libmemcached keeps state that
// the order of calls decides: the weighted flag, and a ring that is only rebuilt by some of them.

import { DEFAULT_PORT } from "@marugoto/core";
import { libmemcachedHashNames, type LibmemcachedHash } from "../hashes/by-name.ts";
import { checkWhole, invalid } from "./checks.ts";

/** libmemcached's distributions at their numbers; PHP has constants for 0, 1 and 6. */
export const libmemcachedDistributionNames = [
  "MODULA",
  "CONSISTENT",
  "CONSISTENT_KETAMA",
  "RANDOM",
  "CONSISTENT_KETAMA_SPY",
  "CONSISTENT_WEIGHTED",
  "VIRTUAL_BUCKET",
] as const;

export type LibmemcachedDistribution = Exclude<(typeof libmemcachedDistributionNames)[number], "RANDOM">;

/** As PHP takes it: `[host, port, weight]`. Port 0 = 11211, weight 0 = 1; a Unix socket is `/path` with port 0. */
export type PhpMemcachedServer = readonly [host: string, port: number, weight?: number];

/**
 * A call on a Memcached object. Options and their values go by the names of PHP's constants, with or without `HASH_`
 * and `DISTRIBUTION_`, or by number. `opt` is short for `setOption`; `addServer` and `addServers` without arguments add
 * all of the pool's `servers`, by one call each or by one call.
 */
export type MemcachedStep =
  | readonly ["setOption" | "opt", name: string, value: string | number | boolean]
  | readonly ["addServer"]
  | readonly ["addServer", host: string, port: number, weight?: number]
  | readonly ["addServers"]
  | readonly ["addServers", servers: readonly PhpMemcachedServer[]]
  | readonly ["setBucket", hostMap: readonly number[], forwardMap: readonly number[] | null, replicas: number]
  | readonly ["resetServerList"];

interface MemcachedServer {
  readonly host: string;
  /** After libmemcached's defaults. */
  readonly port: number;
  readonly weight: number;
}

/** The state of the library object that decides where keys go. */
export interface MemcachedState {
  /** In the order of the calls that added them. */
  servers: MemcachedServer[];
  /** The library's own order, which OPT_SORT_HOSTS changes: position → index into `servers`. */
  order: number[];
  hash: LibmemcachedHash;
  distribution: LibmemcachedDistribution;
  /** The hash that the ring was last built with; a later OPT_HASH leaves the ring as it is. */
  ringHash: LibmemcachedHash;
  weighted: boolean;
  sortHosts: boolean;
  prefix: string;
  hashWithPrefix: boolean;
  binary: boolean;
  verifyKey: boolean;
  replicas: number;
  buckets: readonly number[] | undefined;
}

/** Options that PHP knows and placement does not depend on. */
const irrelevantOptions = new Set(
  `COMPRESSION COMPRESSION_TYPE SERIALIZER USER_FLAGS STORE_RETRY_COUNT LIBKETAMA_HASH TCP_KEEPALIVE BUFFER_WRITES
   NO_BLOCK TCP_NODELAY SOCKET_SEND_SIZE SOCKET_RECV_SIZE CONNECT_TIMEOUT RETRY_TIMEOUT DEAD_TIMEOUT SEND_TIMEOUT
   RECV_TIMEOUT POLL_TIMEOUT CACHE_LOOKUPS SERVER_FAILURE_LIMIT AUTO_EJECT_HOSTS NOREPLY USE_UDP RANDOMIZE_REPLICA_READ
   REMOVE_FAILED_SERVERS SERVER_TIMEOUT_LIMIT`.split(/\s+/),
);

/** libmemcached's limit for a prefix; a longer one is ignored without an error. */
const MAX_PREFIX_BYTES = 127;

/** Runs the calls one after the other on a new object. */
export function runMemcachedSteps(
  steps: readonly MemcachedStep[],
  pool: readonly PhpMemcachedServer[],
  hasHsieh: boolean,
): MemcachedState {
  const object = new LibraryObject(hasHsieh);
  for (const step of steps) {
    switch (step[0]) {
      case "opt":
      case "setOption":
        object.setOption(step[1], step[2]);
        break;
      case "addServer":
        for (const server of step.length === 1 ? pool : [serverOf(step)]) object.addServer(server);
        break;
      case "addServers":
        object.addServers(step.length === 1 ? pool : step[1]);
        break;
      case "setBucket":
        object.setBucket(step[1]);
        break;
      case "resetServerList":
        object.state.servers = [];
        object.state.order = [];
        break;
      default:
        throw invalid(`unknown step ${JSON.stringify(step)}`);
    }
  }
  return object.state;
}

function serverOf([, host, port, weight = 0]: readonly ["addServer", string, number, number?]): PhpMemcachedServer {
  return [host, port, weight];
}

/** The calls, each named after what it copies. */
class LibraryObject {
  readonly #hasHsieh: boolean;
  readonly state: MemcachedState = {
    servers: [],
    order: [],
    hash: "DEFAULT",
    distribution: "MODULA",
    ringHash: "DEFAULT",
    weighted: false,
    sortHosts: false,
    prefix: "",
    hashWithPrefix: false,
    binary: false,
    verifyKey: false,
    replicas: 0,
    buckets: undefined,
  };

  constructor(hasHsieh: boolean) {
    this.#hasHsieh = hasHsieh;
  }

  // ---- php_memcached.c, php_memc_set_option ----

  setOption(name: string, value: string | number | boolean): void {
    const { state } = this;
    const option = name.replace(/^(Memcached::)?OPT_/, "");
    switch (option) {
      case "HASH":
        this.#setHash(choice(value, libmemcachedHashNames, "HASH_", name));
        break;
      case "DISTRIBUTION": {
        const distribution = choice(value, libmemcachedDistributionNames, "DISTRIBUTION_", name);
        if (distribution === "RANDOM") throw invalid(`${name} RANDOM places nothing: each call goes anywhere`);
        // 3.2.0 doesn't pass on a value that is set already.
        if (distribution !== state.distribution) this.#setDistribution(distribution);
        break;
      }
      case "LIBKETAMA_COMPATIBLE":
        this.#setKetamaCompatible(truth(value));
        break;
      case "SORT_HOSTS":
        if (truth(value) !== state.sortHosts) {
          state.sortHosts = truth(value);
          this.#runDistribution();
        }
        break;
      case "PREFIX_KEY":
        this.#setPrefix(String(value));
        break;
      case "HASH_WITH_PREFIX_KEY":
        state.hashWithPrefix = truth(value);
        break;
      case "BINARY_PROTOCOL":
        if (truth(value) && !state.binary) state.verifyKey = false;
        state.binary = truth(value);
        break;
      case "VERIFY_KEY":
        // Refused while the binary protocol is on.
        if (!state.binary) state.verifyKey = truth(value);
        break;
      case "NUMBER_OF_REPLICAS":
        state.replicas = checkWhole(name, Number(value), 0, 0xffff_ffff);
        break;
      default:
        if (!irrelevantOptions.has(option)) throw invalid(`"${name}" is not an option of Memcached`);
    }
  }

  #setHash(hash: LibmemcachedHash): void {
    // setOption returns false and the hash stays as it was.
    if (hash === "HSIEH" && !this.#hasHsieh) return;
    this.state.hash = hash;
  }

  #setKetamaCompatible(on: boolean): void {
    if (on) {
      this.state.hash = "MD5";
      this.#setDistribution("CONSISTENT_WEIGHTED");
    } else {
      this.#setDistribution("CONSISTENT_KETAMA");
      this.state.hash = "DEFAULT";
      this.#setDistribution("MODULA");
    }
  }

  /** namespace.cc: what is refused or too long leaves the old prefix. */
  #setPrefix(prefix: string): void {
    // PHP hands over a C string.
    const bytes = Buffer.from(prefix.split("\0", 1)[0] ?? "", "utf8");
    const printable = bytes.every((byte) => byte > 0x20 && byte < 0x7f);
    if (bytes.length > 0 && ((!this.state.binary && !printable) || bytes.length > MAX_PREFIX_BYTES)) return;
    this.state.prefix = bytes.toString("utf8");
  }

  // ---- libmemcached: hosts.cc, behavior.cc, server_list.cc ----

  addServer([host, port, weight = 0]: PhpMemcachedServer): void {
    const server = this.#push(host === "" ? "localhost" : host, port === 0 ? DEFAULT_PORT : port, weight);
    if (server.weight > 1 && this.#isConsistent()) this.state.weighted = true;
    this.#runDistribution();
  }

  addServers(servers: readonly PhpMemcachedServer[]): void {
    // An empty list is no list: nothing is run.
    if (servers.length === 0) return;
    for (const [host, port, weight = 0] of servers) {
      // Unlike addServer, this keeps port 0 for a Unix socket, and that port is hashed.
      const server = this.#push(host, host.startsWith("/") ? 0 : port === 0 ? DEFAULT_PORT : port, weight);
      if (server.weight > 1) this.state.weighted = true;
    }
    this.#runDistribution();
  }

  /** Sets the distribution first, which is what counts here; the forward map and replicas don't place anything. */
  setBucket(hostMap: readonly number[]): void {
    // PHP warns, returns false and changes nothing.
    if (hostMap.length === 0 || hostMap.some((server) => server < 0)) return;
    this.#setDistribution("VIRTUAL_BUCKET");
    this.state.buckets = hostMap.map((server) => checkWhole("a server in setBucket", server, 0, 0xffff_ffff));
  }

  #push(host: string, port: number, weight: number): MemcachedServer {
    checkWhole(`port of ${host}`, port, 0, 65535);
    checkWhole(`weight of ${host}`, weight, 0, 0xffff_ffff);
    const server = { host, port, weight: weight === 0 ? 1 : weight };
    this.state.order.push(this.state.servers.length);
    this.state.servers.push(server);
    return server;
  }

  #isConsistent(): boolean {
    return this.state.distribution.startsWith("CONSISTENT");
  }

  #setDistribution(distribution: LibmemcachedDistribution): void {
    if (distribution === "CONSISTENT" || distribution === "CONSISTENT_KETAMA") this.state.weighted = false;
    if (distribution === "CONSISTENT_WEIGHTED") this.state.weighted = true;
    this.state.distribution = distribution;
    this.#runDistribution();
  }

  #runDistribution(): void {
    const { state } = this;
    if (state.sortHosts) {
      state.order.sort((x, y) => compareHosts(state.servers[x]!, state.servers[y]!));
    }
    if (this.#isConsistent()) state.ringHash = state.hash;
  }
}

function compareHosts(a: MemcachedServer, b: MemcachedServer): number {
  return Buffer.compare(Buffer.from(a.host), Buffer.from(b.host)) || a.port - b.port;
}

function truth(value: string | number | boolean): boolean {
  return value === "0" ? false : Boolean(value);
}

function choice<T extends string>(
  value: string | number | boolean,
  names: readonly T[],
  head: string,
  what: string,
): T {
  const text = String(value).replace(/^Memcached::/, "");
  const name = text.startsWith(head) ? text.slice(head.length) : text;
  const found = typeof value === "number" ? names[value] : names.find((known) => known === name);
  if (found === undefined) throw invalid(`${what} is ${String(value)}; it must be one of ${names.join(", ")}`);
  return found;
}

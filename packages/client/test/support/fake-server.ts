// A small memcached in this process that shows what reached it and spoils its answers as told. Classic and meta, as far
// as the client speaks them; no expiry, no eviction.

import net from "node:net";
import { RequestReader, type Request } from "@marugoto/protocol";

interface Item {
  value: Buffer;
  flags: number;
  cas: bigint;
  exptime: number;
}

export interface FakeOptions {
  /** Does it know meta commands? Default true. False: ERROR. `closes`: as nutcracker; `silent`: says nothing. */
  readonly meta?: boolean | "closes" | "silent";
  /** Port to listen on; default any. */
  readonly port?: number;
  /** Listen here instead. */
  readonly path?: string;
  /** False: accepts and never reads, so that the sender meets a full window. */
  readonly reads?: boolean;
  /** In place of the usual answer: bytes, or null for none. undefined: the usual one. */
  readonly answer?: (request: Request, server: FakeServer) => Buffer | string | null | undefined;
  /** Gets the answer of one read and sends it its own way. Default: one write. */
  readonly send?: (socket: net.Socket, bytes: Buffer) => void;
}

export class FakeServer {
  readonly items = new Map<string, Item>();
  /** All requests in order, probes included. */
  readonly requests: Request[] = [];
  /** What no parser could read. */
  readonly faults: string[] = [];
  /** Bytes of every read, in order. */
  readonly reads: Buffer[] = [];
  readonly sockets = new Set<net.Socket>();
  accepted = 0;
  #frozen = false;
  readonly #thawed = new Set<() => void>();
  readonly #server: net.Server;
  readonly #options: FakeOptions;
  #cas = 0n;
  #port = 0;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      this.#serve(socket);
    });
  }

  static async start(options: FakeOptions = {}): Promise<FakeServer> {
    const fake = new FakeServer(options);
    await fake.listen();
    return fake;
  }

  async listen(): Promise<void> {
    const { path, port = 0 } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      if (path === undefined) this.#server.listen(port, "127.0.0.1", resolve);
      else this.#server.listen(path, resolve);
    });
    const address = this.#server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  /** Stays readable after `close`. */
  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** While true it reads and answers nothing; afterwards it answers what has come. */
  get frozen(): boolean {
    return this.#frozen;
  }

  set frozen(frozen: boolean) {
    this.#frozen = frozen;
    if (!frozen) for (const answer of this.#thawed) answer();
  }

  /** The commands and keys of all requests but the probe's: `set a`, `get a b`. */
  get lines(): string[] {
    return this.requests
      .filter(({ command }) => command !== "version" && command !== "metaNoop")
      .map(({ command, keys }) => [command, ...keys.map((key) => key.toString())].join(" "));
  }

  /** Closes every connection, and the listener. */
  async close(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Lets go of what it remembers of requests: for runs that last. */
  forget(): void {
    this.requests.length = this.reads.length = this.faults.length = 0;
  }

  /** Closes every connection, not the listener. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  #serve(socket: net.Socket): void {
    this.accepted++;
    this.sockets.add(socket);
    const reader = new RequestReader();
    socket.on("error", () => undefined);
    if (this.#options.reads === false) {
      socket.pause();
      socket.on("close", () => this.sockets.delete(socket));
      return;
    }
    const waiting: Buffer[] = [];
    const answer = () => {
      const all = Buffer.concat(waiting.splice(0));
      const answers: Buffer[] = [];
      for (const message of reader.push(all)) {
        if (message.kind === "error") {
          this.faults.push(message.line);
          if (!message.quiet) answers.push(Buffer.from(`${message.line}\r\n`));
          continue;
        }
        this.requests.push(message);
        if (message.command === "quit") socket.end();
        const isMeta = message.command.startsWith("meta");
        const { meta = true } = this.#options;
        if (isMeta && meta === "closes") {
          socket.destroy();
          return;
        }
        if (isMeta && meta === "silent") continue;
        const special = this.#options.answer?.(message, this);
        if (special === null) continue;
        const text = special ?? (isMeta && meta === false ? "ERROR\r\n" : this.#execute(message));
        if (!message.noreply) answers.push(typeof text === "string" ? Buffer.from(text, "latin1") : text);
      }
      if (answers.length === 0) return;
      const out = Buffer.concat(answers);
      if (this.#options.send) this.#options.send(socket, out);
      else socket.write(out);
    };
    socket.on("data", (bytes) => {
      this.reads.push(bytes);
      waiting.push(bytes);
      if (!this.#frozen) answer();
    });
    socket.on("close", () => {
      this.sockets.delete(socket);
      this.#thawed.delete(answer);
    });
    this.#thawed.add(answer);
  }

  // ---- the cache ----

  #execute(request: Request): Buffer | string {
    const { command, keys } = request;
    const key = keys[0]?.toString("latin1") ?? "";
    const item = this.items.get(key);
    switch (command) {
      case "get":
      case "gets":
      case "gat":
      case "gats":
        return this.#read(request);
      case "set":
      case "add":
      case "replace":
      case "append":
      case "prepend":
      case "cas":
        return this.#store(request, key, item);
      case "delete":
        return this.items.delete(key) ? "DELETED\r\n" : "NOT_FOUND\r\n";
      case "incr":
      case "decr": {
        const value = item && this.#count(item, command === "incr", request.delta ?? 1n);
        return value === undefined ? "NOT_FOUND\r\n" : `${value}\r\n`;
      }
      case "touch":
        if (item) item.exptime = request.exptime ?? 0;
        return item ? "TOUCHED\r\n" : "NOT_FOUND\r\n";
      case "flushAll":
        this.items.clear();
        return "OK\r\n";
      case "version":
        return "VERSION 1.6.99-fake\r\n";
      case "stats":
        return `STAT curr_items ${this.items.size}\r\nSTAT name a b\r\nEND\r\n`;
      case "metaNoop":
        return "MN\r\n";
      case "metaGet":
        return this.#metaGet(request, item);
      case "metaSet":
        return this.#metaSet(request, key, item);
      case "metaDelete":
        return this.items.delete(key) ? "HD\r\n" : "NF\r\n";
      case "metaArithmetic": {
        const value = item && this.#count(item, request.mode === "I", request.delta ?? 1n);
        return value === undefined ? "NF\r\n" : `VA ${String(value).length}\r\n${value}\r\n`;
      }
      default:
        return "ERROR\r\n";
    }
  }

  #read({ command, keys, exptime }: Request): Buffer {
    const rows: Buffer[] = [];
    for (const name of keys) {
      const item = this.items.get(name.toString("latin1"));
      if (!item) continue;
      if (exptime !== undefined) item.exptime = exptime;
      const cas = command.endsWith("s") ? ` ${item.cas}` : "";
      const head = ` ${item.flags} ${item.value.length}${cas}\r\n`;
      rows.push(Buffer.from("VALUE "), name, Buffer.from(head), item.value, Buffer.from("\r\n"));
    }
    return Buffer.concat([...rows, Buffer.from("END\r\n")]);
  }

  #store(request: Request, key: string, item: Item | undefined): string {
    const { command, flags = 0, exptime = 0, value = Buffer.alloc(0) } = request;
    const isExtension = command === "append" || command === "prepend";
    if (command === "cas" && !item) return "NOT_FOUND\r\n";
    if (command === "cas" && item?.cas !== request.cas) return "EXISTS\r\n";
    if (command === "add" ? item : !item && (command === "replace" || isExtension)) return "NOT_STORED\r\n";
    if (item && isExtension) {
      item.value = Buffer.concat(command === "append" ? [item.value, value] : [value, item.value]);
      item.cas = ++this.#cas;
    } else {
      this.items.set(key, { value, flags, exptime, cas: ++this.#cas });
    }
    return "STORED\r\n";
  }

  #count(item: Item, up: boolean, delta: bigint): bigint {
    const before = BigInt(item.value.toString("latin1"));
    const after = up ? BigInt.asUintN(64, before + delta) : before > delta ? before - delta : 0n;
    item.value = Buffer.from(String(after));
    item.cas = ++this.#cas;
    return after;
  }

  #metaGet({ metaFlags = [] }: Request, item: Item | undefined): Buffer | string {
    if (!item) return "EN\r\n";
    const exptime = metaFlags.find((flag) => flag.startsWith("T"));
    if (exptime) item.exptime = Number(exptime.slice(1));
    const answers = metaFlags.map((flag) => {
      if (flag === "f") return ` f${item.flags}`;
      if (flag === "c") return ` c${item.cas}`;
      return flag === "t" ? " t-1" : "";
    });
    if (!metaFlags.includes("v")) return `HD${answers.join("")}\r\n`;
    const head = Buffer.from(`VA ${item.value.length}${answers.join("")}\r\n`);
    return Buffer.concat([head, item.value, Buffer.from("\r\n")]);
  }

  #metaSet(
    { metaFlags = [], mode = "S", value = Buffer.alloc(0) }: Request,
    key: string,
    item: Item | undefined,
  ): string {
    const number = (letter: string) => metaFlags.find((flag) => flag.startsWith(letter))?.slice(1);
    const commands: Record<string, Request["command"]> = { E: "add", R: "replace", A: "append", P: "prepend" };
    const cas = number("C");
    const command = cas === undefined ? (commands[mode] ?? "set") : "cas";
    const fields = { kind: "request", keys: [], noreply: false } as const;
    const classic = { ...fields, command, value, flags: Number(number("F") ?? 0), exptime: Number(number("T") ?? 0) };
    const answer = this.#store(cas === undefined ? classic : { ...classic, cas: BigInt(cas) }, key, item);
    return { "STORED\r\n": "HD\r\n", "NOT_STORED\r\n": "NS\r\n", "EXISTS\r\n": "EX\r\n" }[answer] ?? "NF\r\n";
  }
}

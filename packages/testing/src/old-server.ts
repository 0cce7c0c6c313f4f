// A server of the year 2005 in this process: get set add replace delete incr decr stats flush_all version quit and
// nothing else; anything it doesn't know is answered with ERROR. For clients that must work with memcached 1.1 and with
// programs that speak no more than that (Tokyo Tyrant).

import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

interface Item {
  value: Buffer;
  flags: string;
}

/** A running old server. `close()` ends it. */
export class OldServer {
  /** Command words it did not know, in order. */
  readonly unknown: string[] = [];
  readonly items = new Map<string, Item>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => socket.destroy());
      this.#serve(socket);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        const tokens = rest.toString("latin1", 0, end).split(" ").filter(Boolean);
        const isStore = ["set", "add", "replace"].includes(tokens[0] ?? "");
        const valueBytes = isStore ? Number(tokens[4]) : -2;
        const after = end + 2 + valueBytes + 2;
        if (rest.length < after) return;
        const value = isStore ? Buffer.from(rest.subarray(end + 2, after - 2)) : Buffer.alloc(0);
        rest = rest.subarray(after);
        if (tokens[0] === "quit") {
          socket.end();
          return;
        }
        socket.write(this.#execute(tokens, value));
      }
    });
  }

  #execute(tokens: readonly string[], value: Buffer): Buffer | string {
    const [word = "", key = "", argument = "0"] = tokens;
    const item = this.items.get(key);
    switch (word) {
      case "get":
        return this.#get(tokens.slice(1));
      case "set":
      case "add":
      case "replace":
        if (word !== "set" && (word === "add") === (item !== undefined)) return "NOT_STORED\r\n";
        this.items.set(key, { value, flags: argument });
        return "STORED\r\n";
      case "delete":
        return this.items.delete(key) ? "DELETED\r\n" : "NOT_FOUND\r\n";
      case "incr":
      case "decr": {
        if (!item) return "NOT_FOUND\r\n";
        const before = BigInt(item.value.toString("latin1"));
        const delta = BigInt(argument);
        const after = word === "incr" ? BigInt.asUintN(64, before + delta) : before > delta ? before - delta : 0n;
        item.value = Buffer.from(String(after));
        return `${after}\r\n`;
      }
      case "stats":
        return `STAT curr_items ${this.items.size}\r\nEND\r\n`;
      case "flush_all":
        this.items.clear();
        return "OK\r\n";
      case "version":
        return "VERSION 1.1.12\r\n";
      default:
        this.unknown.push(word);
        return "ERROR\r\n";
    }
  }

  #get(keys: readonly string[]): Buffer {
    const rows = keys.flatMap((key) => {
      const item = this.items.get(key);
      if (!item) return [];
      const head = Buffer.from(`VALUE ${key} ${item.flags} ${item.value.length}\r\n`, "latin1");
      return [head, item.value, Buffer.from("\r\n")];
    });
    return Buffer.concat([...rows, Buffer.from("END\r\n")]);
  }
}

/** Starts one on a free port of 127.0.0.1. */
export async function startOldServer(): Promise<OldServer> {
  const server = createServer({ noDelay: true });
  const old = new OldServer(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return old;
}

// A memcached with the little that failover is about: it holds keys, and it is up, down or frozen. A frozen one takes
// connections and requests like a stopped process: it answers nothing now and does everything when it goes on.

import type { Verb } from "./transcript.ts";

export type Answer =
  | { kind: "stored" | "not_stored" | "not_found" | "deleted" | "touched" | "client_error" }
  | { kind: "value"; value: string }
  | { kind: "number"; value: number };

export interface Command {
  verb: Exclude<Verb, "getMulti">;
  key: string;
  value: string | undefined;
}

/** `lost`: the connection was dead. `silent`: no answer comes. */
export type Exchange = Answer[] | "lost" | "silent";

export class SimulatedServer {
  readonly port: number;
  #state: "up" | "down" | "frozen" = "up";
  /** How often it was started; connections belong to one life. */
  #life = 1;
  readonly #items = new Map<string, string>();
  #delayed: Command[] = [];

  constructor(port: number) {
    this.port = port;
  }

  /** @returns the life that the connection belongs to; undefined: refused */
  connect(): number | undefined {
    return this.#state === "down" ? undefined : this.#life;
  }

  exchange(life: number, commands: readonly Command[]): Exchange {
    if (this.#state === "down" || life !== this.#life) return "lost";
    if (this.#state === "frozen") {
      this.#delayed.push(...commands);
      return "silent";
    }
    return commands.map((command) => this.#execute(command));
  }

  stop(): void {
    this.#state = "down";
    this.#delayed = [];
  }

  start(): void {
    if (this.#state !== "down") throw new Error(`server ${this.port} is running`);
    this.#state = "up";
    this.#life++;
    this.#items.clear();
  }

  freeze(): void {
    if (this.#state !== "up") throw new Error(`server ${this.port} is ${this.#state}`);
    this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") throw new Error(`server ${this.port} is ${this.#state}`);
    this.#state = "up";
    for (const command of this.#delayed.splice(0)) this.#execute(command);
  }

  /** What it holds, or null when it is down. */
  get stored(): Record<string, string> | null {
    return this.#state === "down" ? null : Object.fromEntries(this.#items);
  }

  #execute({ verb, key, value = "" }: Command): Answer {
    const held = this.#items.get(key);
    switch (verb) {
      case "get":
        return held === undefined ? { kind: "not_found" } : { kind: "value", value: held };
      case "set":
        return this.#store(key, value);
      case "add":
        return held === undefined ? this.#store(key, value) : { kind: "not_stored" };
      case "replace":
        return held === undefined ? { kind: "not_stored" } : this.#store(key, value);
      case "append":
        return held === undefined ? { kind: "not_stored" } : this.#store(key, held + value);
      case "prepend":
        return held === undefined ? { kind: "not_stored" } : this.#store(key, value + held);
      case "delete":
        return { kind: this.#items.delete(key) ? "deleted" : "not_found" };
      case "touch":
        return { kind: held === undefined ? "not_found" : "touched" };
      case "incr":
      case "decr": {
        if (held === undefined) return { kind: "not_found" };
        if (!/^\d+ *$/.test(held)) return { kind: "client_error" };
        const delta = value === "" ? 1 : Number(value);
        const number = verb === "incr" ? Number(held) + delta : Math.max(0, Number(held) - delta);
        // memcached writes in place and fills what is left of the old length with spaces.
        this.#items.set(key, String(number).padEnd(held.length));
        return { kind: "number", value: number };
      }
    }
  }

  #store(key: string, value: string): Answer {
    this.#items.set(key, value);
    return { kind: "stored" };
  }
}

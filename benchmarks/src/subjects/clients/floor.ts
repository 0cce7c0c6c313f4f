// The floor: as little as can be done in JavaScript for one promise a call. One socket, meta commands, one write per tick,
// answers matched by order. No deadlines, no checks of keys, no flags, no second server, no way to fail but to throw.

import { connect, type Socket } from "node:net";
import type { CacheClient } from "../subject.ts";

const [CR, SPACE, ZERO] = [0x0d, 0x20, 0x30];
const [A, D, E, H, N, V] = [0x41, 0x44, 0x45, 0x48, 0x4e, 0x56];

type Resolve = (result: unknown) => void;

class Floor {
  readonly #socket: Socket;
  #out = "";
  #waiting: Resolve[] = [];
  #answered = 0;
  #rest: Buffer | undefined;
  /** Of the `get` line that is being answered. */
  #found: Map<string, string> | undefined;
  readonly #flush = () => {
    const out = this.#out;
    this.#out = "";
    this.#socket.write(out, "latin1");
  };

  constructor(port: number, ready: () => void) {
    const buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer, length);
          return true;
        },
      },
    });
    this.#socket.once("connect", ready);
  }

  send(line: string): Promise<unknown> {
    if (this.#out === "") queueMicrotask(this.#flush);
    this.#out += line;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(buffer: Buffer, length: number): void {
    let input = buffer;
    let end = length;
    if (this.#rest !== undefined) {
      input = Buffer.concat([this.#rest, buffer.subarray(0, length)]);
      end = input.length;
      this.#rest = undefined;
    }
    const parsed = this.#parse(input, end);
    if (parsed < end) this.#rest = Buffer.from(input.subarray(parsed, end));
    if (this.#answered === this.#waiting.length) {
      this.#answered = 0;
      this.#waiting = [];
    }
  }

  /** @returns where the first answer that isn't whole begins */
  #parse(input: Buffer, end: number): number {
    let at = 0;
    // The shortest answer is HD or EN with CRLF.
    while (at + 4 <= end) {
      const first = input[at];
      const second = input[at + 1];
      if (first === V && second === A && input[at + 2] === SPACE) {
        // VA bytes
        let bytes = 0;
        let i = at + 3;
        for (let digit = input[i]! - ZERO; digit >= 0; digit = input[++i]! - ZERO) bytes = bytes * 10 + digit;
        const value = i + 2;
        if (value + bytes + 2 > end) return at;
        this.#answer(input.toString("utf8", value, value + bytes));
        at = value + bytes + 2;
      } else if (first === H && second === D) {
        this.#answer(true);
        at += 4;
      } else if (first === V) {
        // VALUE key flags bytes
        let i = at + 6;
        while (i < end && input[i] !== SPACE) i++;
        const keyEnd = i++;
        while (i < end && input[i] !== SPACE) i++;
        let bytes = 0;
        i++;
        for (let digit = input[i]! - ZERO; i < end && digit >= 0; digit = input[++i]! - ZERO)
          bytes = bytes * 10 + digit;
        const value = i + 2;
        if (value + bytes + 2 > end) return at;
        this.#found ??= new Map();
        this.#found.set(input.toString("utf8", at + 6, keyEnd), input.toString("utf8", value, value + bytes));
        at = value + bytes + 2;
      } else if (first === E && second === N && input[at + 2] === CR) {
        this.#answer(undefined);
        at += 4;
      } else if (first === E && second === N) {
        // END
        if (at + 5 > end) return at;
        const found = this.#found ?? new Map<string, string>();
        this.#found = undefined;
        this.#answer(found);
        at += 5;
      } else {
        throw new TypeError(
          `the floor does not know the answer ${input.toString("latin1", at, Math.min(end, at + 60))}`,
        );
      }
    }
    return at;
  }

  #answer(result: unknown): void {
    this.#waiting[this.#answered++]!(result);
  }
}

export async function openFloor(port: number): Promise<CacheClient> {
  let floor!: Floor;
  await new Promise<void>((resolve) => {
    floor = new Floor(port, resolve);
  });
  return {
    get: (key) => floor.send(`mg ${key} v\r\n`),
    set: (key, value) => floor.send(`ms ${key} ${value.length}\r\n${value}\r\n`),
    // One `get` line costs the server and the parser less than many `mg`.
    getMany: (keys) => floor.send(`get ${keys.join(" ")}\r\n`),
    textOf: (result) => result as string | undefined,
    isHit: (result) => result !== undefined,
    countHits: (result) => (result as Map<string, string>).size,
    isStored: (result) => result === true,
    close: () => {
      floor.end();
    },
  };
}

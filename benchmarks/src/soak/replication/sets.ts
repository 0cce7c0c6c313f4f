// Sets of distinct keys over one connection, so many in flight at a time, acknowledgements counted byte by byte until the
// connection ends; and whether a node has what was acknowledged.

import { connect as dial, type Socket } from "node:net";
import { CacheError } from "@marugoto/core";
import { connect } from "@marugoto/testing";

const STORED = Buffer.from("STORED\r\n");
const VALUE = "v".repeat(32);

/** Answers that a check reads before it asks for more. */
const CHECKED_AT_ONCE = 1000;

export class PipelinedSets {
  /** Sets whose `STORED` has arrived. Keys are `prefix` with the numbers from 0 on, answered in order. */
  acknowledged = 0;
  sent = 0;
  /** Fulfilled when the connection has ended, by whomever. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #prefix: string;
  readonly #window: number;
  #position = 0;
  #isPaused = false;
  #wrong: string | undefined;

  constructor(port: number, prefix: string, window: number) {
    this.#prefix = prefix;
    this.#window = window;
    this.#socket = dial({ host: "127.0.0.1", port, noDelay: true });
    this.ended = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.on("error", () => undefined);
    this.#socket.on("connect", () => {
      this.#send();
    });
    this.#socket.on("data", (chunk) => {
      this.#read(chunk);
    });
  }

  /** Sends no more; what is in flight is still answered. */
  pause(): void {
    this.#isPaused = true;
  }

  /** @throws CacheError `protocol_violation` when an answer was not STORED */
  check(): void {
    if (this.#wrong !== undefined) throw new CacheError("protocol_violation", `a set was answered ${this.#wrong}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(): void {
    let text = "";
    while (!this.#isPaused && this.sent < this.acknowledged + this.#window) {
      text += `set ${this.#prefix}${this.sent++} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`;
    }
    if (text !== "") this.#socket.write(text, "latin1");
  }

  #read(chunk: Buffer): void {
    for (const byte of chunk) {
      if (byte !== STORED[this.#position]) {
        this.#wrong ??= JSON.stringify(chunk.toString("latin1").slice(0, 100));
        this.#socket.destroy();
        return;
      }
      if (++this.#position === STORED.length) {
        this.#position = 0;
        this.acknowledged++;
      }
    }
    // Half a window at a time: a whole one in flight at the most, and no write per answer.
    if (this.sent - this.acknowledged <= this.#window / 2) this.#send();
  }
}

/** Which of the keys `prefix` 0 … count − 1 a node has not. */
export async function missingOf(port: number, prefix: string, count: number): Promise<number[]> {
  const connection = await connect(port);
  const missing: number[] = [];
  try {
    for (let at = 0; at < count; at += CHECKED_AT_ONCE) {
      const end = Math.min(count, at + CHECKED_AT_ONCE);
      let text = "";
      for (let i = at; i < end; i++) text += `mg ${prefix}${i}\r\n`;
      connection.send(`${text}mn\r\n`);
      const answers = (await connection.readUntil("MN\r\n", 20_000)).split("\r\n").slice(0, -2);
      if (answers.length !== end - at) {
        throw new CacheError("protocol_violation", `${answers.length} answers to ${end - at} requests`);
      }
      answers.forEach((answer, i) => {
        if (answer === "EN") missing.push(at + i);
        else if (answer !== "HD") throw new CacheError("protocol_violation", `mg was answered ${answer}`);
      });
    }
    return missing;
  } finally {
    await connection.close();
  }
}

// Commands for a server rather than a key: stats, version, flush_all. Through the lower door, one promise a server.

import { CacheError } from "@marugoto/core";
import { Command, Reply, writeControl, writeFlushAll, type TextResponse } from "@marugoto/protocol";
import type { Sink } from "../connection/sink.ts";
import type { Pool } from "../pool/pool.ts";
import { refusal } from "./op.ts";

/** What one server answered. */
export interface ControlAnswer {
  /** Rows of stats. */
  readonly rows: Record<string, string>;
  /** The text behind VERSION. */
  readonly version: string;
}

class ControlSink implements Sink {
  readonly #rows: Record<string, string> = {};
  readonly #address: string;
  readonly #resolve: (answer: ControlAnswer) => void;
  readonly #reject: (error: CacheError) => void;

  constructor(address: string, resolve: (answer: ControlAnswer) => void, reject: (error: CacheError) => void) {
    this.#address = address;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onAnswer(response: TextResponse, last: boolean): void {
    if (!last) {
      if (response.reply === Reply.stat) this.#rows[response.keyText()] = response.text();
      return;
    }
    switch (response.reply) {
      case Reply.end:
      case Reply.ok:
      case Reply.reset:
        this.#resolve({ rows: this.#rows, version: "" });
        return;
      case Reply.version:
        this.#resolve({ rows: this.#rows, version: response.text() });
        return;
      default:
        this.#reject(refusal(response, this.#address));
    }
  }

  onFailure(error: CacheError): void {
    this.#reject(error);
  }

  onDeadline(): number {
    this.#reject(new CacheError("timeout", `${this.#address}: no answer in time`));
    return Infinity;
  }
}

const line = Buffer.allocUnsafeSlow(512);

/** Sends one control line to one server. @throws CacheError */
export function control(
  pool: Pool,
  server: number,
  command: typeof Command.stats | typeof Command.version | typeof Command.flushAll,
  argument: string | number | undefined,
  timeoutMs: number | undefined,
): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    let end: number;
    if (command === Command.flushAll) {
      end = writeFlushAll(line, 0, typeof argument === "number" ? argument : 0, false);
    } else {
      end = writeControl(line, 0, command, argument === undefined ? [] : [String(argument)]);
    }
    const sink = new ControlSink(pool.links[server]!.address, resolve, reject);
    pool.send(server, line, 0, end, sink, timeoutMs === undefined ? {} : { deadlineMs: pool.now() + timeoutMs });
  });
}

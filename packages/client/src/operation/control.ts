// Commands for a server rather than a key: stats, version, flush_all. Through the lower door, one promise a server.

import { CacheError } from "@marugoto/core";
import { Command, Reply, writeControl, writeFlushAll, type TextResponse } from "@marugoto/protocol";
import type { Sink } from "../connection/sink.ts";
import type { Pool } from "../pool/pool.ts";
import { abortedError, refusal } from "./refusal.ts";

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

/** A longer argument is no token to memcached, and does not fit below. */
const MAX_ARGUMENT_BYTES = 250;

const line = Buffer.allocUnsafeSlow(MAX_ARGUMENT_BYTES + 64);

type ControlCommand = typeof Command.stats | typeof Command.version | typeof Command.flushAll;

/** @returns where it ends in `line`. @throws CacheError `invalid_option` */
function writeLine(command: ControlCommand, argument: string | number | undefined): number {
  if (command === Command.flushAll) return writeFlushAll(line, 0, typeof argument === "number" ? argument : 0, false);
  const words = argument === undefined ? [] : [String(argument)];
  for (const word of words) {
    if (word.length <= MAX_ARGUMENT_BYTES) continue;
    throw new CacheError("invalid_option", `an argument is ${word.length} bytes, at most ${MAX_ARGUMENT_BYTES}`);
  }
  return writeControl(line, 0, command, words);
}

/** Sends one control line to one server. @throws CacheError */
export function control(
  pool: Pool,
  server: number,
  command: ControlCommand,
  argument: string | number | undefined,
  { signal, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<ControlAnswer> {
  const link = pool.links[server]!;
  let ticket = -1;
  let abort: (() => void) | undefined;
  const answered = new Promise<ControlAnswer>((resolve, reject) => {
    abort = () => {
      // By the link: the server's index may be another's by now.
      if (ticket >= 0) link.cancel(ticket);
      reject(abortedError(signal?.reason));
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      throw new CacheError("invalid_option", `timeoutMs is ${timeoutMs}, must be above 0`);
    }
    const end = writeLine(command, argument);
    const sink = new ControlSink(link.address, resolve, reject);
    ticket = pool.send(
      server,
      line,
      0,
      end,
      sink,
      timeoutMs === undefined ? {} : { deadlineMs: pool.now() + timeoutMs },
    );
    signal?.addEventListener("abort", abort, { once: true });
  });
  return signal === undefined ? answered : answered.finally(() => signal.removeEventListener("abort", abort!));
}

// Finds out which protocol a server speaks, on a connection of its own: what doesn't know `mn` may close the connection
// and lose what was pipelined before it (nutcracker does). Never a failure: who can't be asked is simply not known yet.

import { CacheError } from "@marugoto/core";
import { Reply, writeMetaNoop, type TextResponse } from "@marugoto/protocol";
import { Connection, type ConnectionOptions, type ConnectionOwner } from "../connection/connection.ts";
import { Expect, type Sink } from "../connection/sink.ts";

/**
 * `meta`; `classic`: it said ERROR or closed; `no-answer`: it knows `version` and keeps silent at `mn`, classic, too;
 * `silent`: connected but no answer even to `version`; `unreachable`: not even connected.
 */
export type ProbeResult = "meta" | "classic" | "no-answer" | "silent" | "unreachable";

/** After silence this long nobody waits for the answer any more: classic is what everybody understands. */
export const PROBE_SILENCE_MS = 200;

/** Silence this long at `mn`, from a server that has answered `version`, means that it doesn't know the command. */
const PROBE_PATIENCE_MS = 2000;

/** A probe under way. */
export interface Probe {
  /** Looks at the time. */
  expire(nowMs: number): void;
  cancel(): void;
}

/**
 * Asks `version`, then `mn`.
 *
 * @param onSilence called at most once, before `done`: there may be no answer, or it is slow; the probe goes on
 * @param done called once, unless cancelled
 */
export function startProbe(
  options: ConnectionOptions,
  nowMs: number,
  onSilence: () => void,
  done: (result: ProbeResult) => void,
): Probe {
  let finished = false;
  let greeted = false;
  let isSilent = false;
  /** When the answer awaited now was asked for; 0: not yet. */
  let askedAtMs = 0;
  const finish = (result: ProbeResult) => {
    if (finished) return;
    finished = true;
    connection.end();
    done(result);
  };
  const sink: Sink = {
    onAnswer(response: TextResponse) {
      finish(response.reply === Reply.metaNoop ? "meta" : "classic");
    },
    onFailure() {
      finish("classic");
    },
    onDeadline() {
      finish("no-answer");
      connection.destroy(connectionIsDone());
      return Infinity;
    },
  };
  const owner: ConnectionOwner = {
    onReady() {
      greeted = true;
      askedAtMs = performance.now();
      const output = connection.begin();
      output.reserve(8);
      output.end = writeMetaNoop(output.buffer, output.end);
      connection.push(sink, askedAtMs + PROBE_PATIENCE_MS, Expect.one);
    },
    onAnswers() {
      // The sink has heard it.
    },
    onReadEnd() {
      // Nobody waits in this tick.
    },
    onEnd(_connection, error) {
      if (greeted) return;
      finish(!connection.accepted ? "unreachable" : error.code === "timeout" ? "silent" : "classic");
    },
    schedule() {
      process.nextTick(() => {
        connection.flush();
      });
    },
  };
  const connection = new Connection({ ...options, proveAlive: true, stallMs: Infinity }, owner, nowMs);
  return {
    expire(now) {
      connection.expire(now);
      if (finished || isSilent || !connection.accepted) return;
      askedAtMs ||= now;
      if (now - askedAtMs < PROBE_SILENCE_MS) return;
      isSilent = true;
      onSilence();
    },
    cancel() {
      finished = true;
      connection.destroy(connectionIsDone());
    },
  };
}

const connectionIsDone = () => new CacheError("closed", "the probe is over");

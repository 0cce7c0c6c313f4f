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

/** Silence this long means that the server doesn't know the command. */
export const PROBE_SILENCE_MS = 200;

/** A probe under way. */
export interface Probe {
  /** Looks at the time. */
  expire(nowMs: number): void;
  cancel(): void;
}

/**
 * Asks `version`, then `mn`.
 *
 * @param done called once, unless cancelled
 */
export function startProbe(options: ConnectionOptions, nowMs: number, done: (result: ProbeResult) => void): Probe {
  let finished = false;
  let greeted = false;
  let acceptedAtMs = 0;
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
      const output = connection.begin();
      output.reserve(8);
      output.end = writeMetaNoop(output.buffer, output.end);
      connection.push(sink, performance.now() + PROBE_SILENCE_MS, Expect.one);
    },
    onAnswers() {
      // The sink has heard it.
    },
    onEnd() {
      if (!greeted) finish(connection.accepted ? "classic" : "unreachable");
    },
    schedule() {
      process.nextTick(() => {
        connection.flush();
      });
    },
  };
  const connection = new Connection({ ...options, proveAlive: true }, owner, nowMs);
  return {
    expire(now) {
      connection.expire(now);
      if (greeted || finished || !connection.accepted) return;
      acceptedAtMs ||= now;
      if (now - acceptedAtMs >= PROBE_SILENCE_MS) {
        finish("silent");
        connection.destroy(connectionIsDone());
      }
    },
    cancel() {
      finished = true;
      connection.destroy(connectionIsDone());
    },
  };
}

const connectionIsDone = () => new CacheError("closed", "the probe is over");

// The recorded transcripts once more, with real servers: our own as processes, our Memcache and Memcached as clients.
// Several side by side, each lane with servers of its own.

import { isDeepStrictEqual } from "node:util";
import { afterAll, expect, test } from "vitest";
import { LiveLane } from "./live-backend.ts";
import { comparable, replay } from "./replay.ts";
import { readTranscripts, type TranscriptEvent } from "./transcript.ts";

/** More would only wait for a processor. */
const LANES = 3;

const transcripts = readTranscripts();
const lanes = Array.from({ length: LANES }, () => new LiveLane());
const results = new Map<string, Promise<TranscriptEvent[]>>();

/** A replay in which a timer was later than this says nothing: a machine that stands still looks like frozen servers. */
const LATE_MS = 20;
const ATTEMPTS = 4;

/** How late a timer of 5 ms has been at most, until `stop` is called. */
function watchLateness(): { stop(): number } {
  let last = performance.now();
  let worstMs = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    worstMs = Math.max(worstMs, now - last - 5);
    last = now;
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return worstMs;
    },
  };
}

/** Replays; what went otherwise while timers were late is void and is replayed again. */
async function replayOnTime(transcript: (typeof transcripts)[number], lane: LiveLane): Promise<TranscriptEvent[]> {
  const expected = transcript.events.map(comparable);
  for (let attempt = 1; ; attempt++) {
    const lateness = watchLateness();
    let events: TranscriptEvent[] | undefined;
    let failure: unknown;
    try {
      events = await replay(transcript, lane.create);
    } catch (error) {
      failure = error;
    }
    const worstMs = lateness.stop();
    const isVoid = worstMs > LATE_MS && attempt < ATTEMPTS;
    if (events !== undefined && (!isVoid || isDeepStrictEqual(events, expected))) return events;
    if (!isVoid) throw failure;
  }
}

/** Begins them all; each lane does its own one after the other. */
function begin(): void {
  for (const [index, lane] of lanes.entries()) {
    let before: Promise<unknown> = Promise.resolve();
    for (const transcript of transcripts.filter((_, i) => i % LANES === index)) {
      const result = before.then(() => replayOnTime(transcript, lane));
      results.set(transcript.name, result);
      // The transcript's own test looks at a failure.
      before = result.catch(() => undefined);
    }
  }
}

afterAll(async () => {
  await Promise.allSettled(results.values());
  await Promise.all(lanes.map((lane) => lane.close()));
}, 60_000);

test.each(transcripts.map((transcript) => [transcript.name, transcript] as const))(
  "%s goes as it went in PHP, with real servers",
  { timeout: 120_000 },
  async (name, transcript) => {
    if (results.size === 0) begin();
    expect(await results.get(name)).toEqual(transcript.events.map(comparable));
  },
);

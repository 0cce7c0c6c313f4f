// The recorded transcripts once more, with real servers: our own as processes, our Memcache and Memcached as clients.
// Several side by side, each lane with servers of its own.

import { afterAll, expect, test } from "vitest";
import { LiveLane } from "./live-backend.ts";
import { comparable, replay } from "./replay.ts";
import { readTranscripts, type TranscriptEvent } from "./transcript.ts";

/** More would only wait for a processor. */
const LANES = 3;

const transcripts = readTranscripts();
const lanes = Array.from({ length: LANES }, () => new LiveLane());
const results = new Map<string, Promise<TranscriptEvent[]>>();

/** Begins them all; each lane does its own one after the other. */
function begin(): void {
  for (const [index, lane] of lanes.entries()) {
    let before: Promise<unknown> = Promise.resolve();
    for (const transcript of transcripts.filter((_, i) => i % LANES === index)) {
      const result = before.then(() => replay(transcript, lane.create));
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
  { timeout: 60_000 },
  async (name, transcript) => {
    if (results.size === 0) begin();
    expect(await results.get(name)).toEqual(transcript.events.map(comparable));
  },
);

// Every recorded transcript of PHP's two classes, replayed on simulated servers under a virtual clock: the same results,
// the same codes, the same holders of each key at each step.

import { expect, test } from "vitest";
import { comparable, replay } from "./replay.ts";
import { createSimulated } from "./simulated-backend.ts";
import { readTranscripts } from "./transcript.ts";

test.each(readTranscripts().map((transcript) => [transcript.name, transcript] as const))(
  "%s goes as it went in PHP",
  async (_name, transcript) => {
    expect(await replay(transcript, createSimulated)).toEqual(transcript.events.map(comparable));
  },
);

// Whatever comes, a parser never throws, never loops, and consumes forwards.

import fc from "fast-check";
import { expect, test } from "vitest";
import { RequestReader, ResponseReader } from "../src/index.ts";
import { bytes, requestEvents, responseEvents } from "./recorder.ts";
import { requests, responses } from "./transcripts.ts";

const word = (transcript: readonly string[]) =>
  fc.constantFrom(...transcript.flatMap((line) => line.split(/(?<=[ \n])/)));

/** Random bytes; words of the protocol in any order; a transcript with some bytes changed. */
const hostile = (transcript: readonly string[]) =>
  fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
    fc.array(word(transcript), { maxLength: 40 }).map((words) => bytes(words.join(""))),
    fc
      .tuple(
        fc.constantFrom(...transcript),
        fc.constantFrom(...transcript),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 5 }),
      )
      .map(([first, second, changes]) => {
        const line = bytes(first + second);
        for (const [at, byte] of changes) line[at % line.length] = byte;
        return line;
      }),
  );

const chunked = (transcript: readonly string[]) => fc.array(hostile(transcript), { maxLength: 6 });

test("requests: cut or whole, the events are the same, and nothing throws", () => {
  fc.assert(
    fc.property(chunked(requests), fc.constantFrom(0, 8, 16_384), (chunks, largeValueBytes) => {
      const cut = requestEvents(chunks, { largeValueBytes });
      const whole = requestEvents([Buffer.concat(chunks)], { largeValueBytes });
      // A line that is given up early has other bytes behind it: compare up to there.
      const closed = [cut, whole].map((events) => events.findIndex((event) => event.endsWith(" close")));
      const upTo = Math.min(...closed.map((at) => (at < 0 ? Infinity : at)));
      expect(cut.slice(0, upTo)).toEqual(whole.slice(0, upTo));
    }),
    { numRuns: 3000 },
  );
});

test("answers: cut or whole, the events are the same, and nothing throws", () => {
  fc.assert(
    fc.property(chunked(responses), fc.constantFrom(0, 8, 16_384), (chunks, largeValueBytes) => {
      expect(responseEvents(chunks, { largeValueBytes })).toEqual(
        responseEvents([Buffer.concat(chunks)], { largeValueBytes }),
      );
    }),
    { numRuns: 3000 },
  );
});

test("the readers take them too", () => {
  fc.assert(
    fc.property(chunked(requests), chunked(responses), (ours, theirs) => {
      const request = new RequestReader();
      for (const chunk of ours)
        for (const message of request.push(chunk)) expect(message.kind).toMatch(/^(request|error)$/);
      const response = new ResponseReader();
      for (const chunk of theirs)
        for (const message of response.push(chunk)) expect(message.reply).toMatch(/^[a-zA-Z]+$/);
    }),
    { numRuns: 1000 },
  );
});

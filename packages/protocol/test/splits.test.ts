// However the bytes are cut, the handler hears the same.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Command, commands, Reply } from "../src/index.ts";
import { bytes, halves, requestEvents, responseEvents, singles } from "./recorder.ts";
import { requests, responses } from "./transcripts.ts";

const requestStream = bytes(requests.join(""));
const responseStream = bytes(responses.join(""));

/** Whole, and with values streamed as soon as they don't fit. */
const thresholds = [0, 16, 16_384];

const cuts = (whole: Buffer) =>
  fc.uniqueArray(fc.nat({ max: whole.length }), { maxLength: 60 }).map((at) => {
    const points = [0, ...at.sort((a, b) => a - b), whole.length];
    return points.slice(1).map((point, i) => whole.subarray(points[i], point));
  });

describe("requests", () => {
  const expected = requestEvents([requestStream]);

  test("the transcript has every command", () => {
    const names = new Set(expected.map((event) => event.split(" ")[0]));
    expect(commands.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
    expect(commands).toHaveLength(Object.keys(Command).length - 1);
  });

  test.each(thresholds)("cut in two anywhere, blocks above %i bytes streamed", (largeValueBytes) => {
    for (let at = 0; at <= requestStream.length; at++) {
      expect(requestEvents(halves(requestStream, at), { largeValueBytes }), `cut at ${at}`).toEqual(expected);
    }
  });

  test.each(thresholds)("byte by byte, blocks above %i bytes streamed", (largeValueBytes) => {
    expect(requestEvents(singles(requestStream), { largeValueBytes })).toEqual(expected);
  });

  test("cut at random", () => {
    fc.assert(
      fc.property(cuts(requestStream), fc.constantFrom(...thresholds), (chunks, largeValueBytes) => {
        expect(requestEvents(chunks, { largeValueBytes })).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});

describe("answers", () => {
  const expected = responseEvents([responseStream]);

  test("the transcript has every reply", () => {
    const names = new Set(expected.map((event) => event.split(" ")[0]));
    expect(Object.keys(Reply).filter((name) => !names.has(name))).toEqual([]);
    expect(expected).toHaveLength(responses.length);
  });

  test.each(thresholds)("cut in two anywhere, blocks above %i bytes streamed", (largeValueBytes) => {
    for (let at = 0; at <= responseStream.length; at++) {
      expect(responseEvents(halves(responseStream, at), { largeValueBytes }), `cut at ${at}`).toEqual(expected);
    }
  });

  test.each(thresholds)("byte by byte, blocks above %i bytes streamed", (largeValueBytes) => {
    expect(responseEvents(singles(responseStream), { largeValueBytes })).toEqual(expected);
  });

  test("cut at random", () => {
    fc.assert(
      fc.property(cuts(responseStream), fc.constantFrom(...thresholds), (chunks, largeValueBytes) => {
        expect(responseEvents(chunks, { largeValueBytes })).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});

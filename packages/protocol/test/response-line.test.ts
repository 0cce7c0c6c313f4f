// Answers that are none, and the limits of those that are.

import { describe, expect, test } from "vitest";
import { TextResponseParser, Verdict, type ResponseHandler } from "../src/index.ts";
import { bytes, describeResponse, feed, responseEvents, responseRecorder, singles } from "./recorder.ts";
import { responses } from "./transcripts.ts";

describe("a violation says what was expected, and is the last thing said", () => {
  test.each([
    ["hello\r\n", "an answer of memcached's text protocol"],
    ["\r\n", "an answer of memcached's text protocol"],
    ["HDx\r\n", "an answer of memcached's text protocol"],
    ["STORED x\r\n", "a line end behind a status word"],
    ["VALUE a 0\r\n", "VALUE <key> <flags> <bytes> [<cas>]"],
    ["VALUE a x 1\r\n", "VALUE <key> <flags> <bytes> [<cas>]"],
    ["VALUE a 0 -1\r\n", "VALUE <key> <flags> <bytes> [<cas>]"],
    ["VALUE a 0 1 x\r\n", "VALUE <key> <flags> <bytes> [<cas>]"],
    ["VALUE  0 1\r\n", "VALUE <key> <flags> <bytes> [<cas>]"],
    ["VALUE a 0 1\r\nxyz\r\n", "CRLF behind the data block"],
    ["VA x\r\n", "VA <bytes> <flag>*"],
    ["VA \r\n", "VA <bytes> <flag>*"],
    ["HD cx\r\n", "a 64-bit number in flag c"],
    ["HD t\r\n", "seconds or -1 in flag t"],
    [`HD ${"Oa ".repeat(33)}\r\n`, "at most 32 flags"],
    ["12x\r\n", "a decimal number below 2^64"],
    ["18446744073709551616\r\n", "a decimal number below 2^64"],
    ["STAT\r\n", "STAT <name> <value>"],
    ["ME\r\n", "ME <key> <text>"],
    ["x".repeat(8193), "a line of at most 8192 bytes"],
  ])("%j", (input, expected) => {
    expect(responseEvents([bytes(`END\r\n${input}`), bytes("END\r\n")])).toEqual(["end", `violation: ${expected}`]);
  });

  test("a block over the bound", () => {
    expect(responseEvents([bytes("VALUE a 0 11\r\n")], { maxValueBytes: 10 })).toEqual([
      "violation: a data block of at most 10 bytes",
    ]);
  });

  test("a streamed block without its CRLF", () => {
    expect(responseEvents([bytes("VALUE a 0 3\r\na"), bytes("bcd")], { largeValueBytes: 0 })).toEqual([
      "violation: CRLF behind the data block",
    ]);
  });
});

describe("what other servers send is taken too", () => {
  test.each([
    ["STORED\n", "stored"],
    ["HD  s1  \r\n", "metaHit s1 mask=64"],
    ["HD @ ~9\r\n", "metaHit @ ~9 mask=0"],
    ["ERROR \r\n", "error "],
    ["STAT a b c\r\n", "stat a b c"],
  ])("%j", (input, expected) => {
    expect(responseEvents([bytes(input)])).toEqual([expected]);
  });
});

describe("verdicts", () => {
  const stream = bytes(responses.join(""));
  const expected = responseEvents([stream]);

  test.each([0, 16_384])("HOLD: the same answer comes again (blocks above %i streamed)", (largeValueBytes) => {
    const events: string[] = [];
    const parser = new TextResponseParser({ largeValueBytes });
    const handler = responseRecorder(events, (call) => (call % 2 === 0 ? Verdict.HOLD : Verdict.CONTINUE));
    feed([...singles(stream), Buffer.alloc(0)], (buffer, start, end) => {
      let position = start;
      for (let i = 0; i < 3; i++) position = parser.parse(buffer, position, end, handler);
      return position;
    });
    expect(events).toEqual(expected);
  });

  test("STOP: parse returns behind the answer", () => {
    const events: string[] = [];
    const parser = new TextResponseParser();
    const handler = responseRecorder(events, () => Verdict.STOP);
    let position = 0;
    for (const response of responses) {
      const next = parser.parse(stream, position, stream.length, handler);
      expect(next - position).toBe(response.length);
      position = next;
    }
    expect(events).toEqual(expected);
  });

  test("SKIP: no pieces, the head is there at the end, and the next answer is read", () => {
    const events: string[] = [];
    const handler: ResponseHandler = {
      ...responseRecorder(events),
      onValueStart: () => Verdict.SKIP,
      onValuePiece: () => {
        throw new Error("a piece of a skipped block");
      },
      onValueEnd: (r, skipped) => {
        events.push(`end ${describeResponse(r)} ${String(skipped)}`);
        return Verdict.CONTINUE;
      },
    };
    const parser = new TextResponseParser({ largeValueBytes: 0 });
    feed(
      [bytes("VALUE a 7 100\r\nabc"), bytes("x".repeat(90)), bytes("x".repeat(7)), bytes("\r\nEND\r\n")],
      (b, start, end) => parser.parse(b, start, end, handler),
    );
    expect(events).toEqual(["end value a flags=7 true", "end"]);
  });
});

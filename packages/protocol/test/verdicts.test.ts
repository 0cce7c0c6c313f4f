// What a handler's verdict does: hold, stop, skip; and what becomes of lines that don't end.

import { describe, expect, test } from "vitest";
import {
  RequestScratch,
  TextRequestParser,
  Verdict,
  type RequestHandler,
  type RequestParserOptions,
} from "../src/index.ts";
import { bytes, describeRequest, feed, requestEvents, requestRecorder, singles } from "./recorder.ts";
import { requests } from "./transcripts.ts";

const stream = bytes(requests.join(""));

/** Parses `stream` calling parse again and again until all is consumed, `verdict` deciding per call of the handler. */
function eventsWith(verdict: (call: number) => Verdict, options: RequestParserOptions): string[] {
  const events: string[] = [];
  const parser = new TextRequestParser(options);
  const handler = requestRecorder(events, verdict);
  let position = 0;
  for (let turns = 0; position < stream.length || !parser.idle; turns++) {
    if (turns > 10 * requests.length) throw new Error(`stuck at ${position}`);
    position = parser.parse(stream, position, stream.length, handler);
  }
  return events;
}

describe.each([0, 16_384])("blocks above %i bytes are streamed when incomplete", (largeValueBytes) => {
  const expected = requestEvents([stream]);

  test("HOLD: the same request comes again", () => {
    expect(eventsWith((call) => (call % 2 === 0 ? Verdict.HOLD : Verdict.CONTINUE), { largeValueBytes })).toEqual(
      expected,
    );
  });

  test("STOP: parse returns behind the request", () => {
    expect(eventsWith(() => Verdict.STOP, { largeValueBytes })).toEqual(expected);
  });

  test("HOLD and byte by byte", () => {
    const events: string[] = [];
    const parser = new TextRequestParser({ largeValueBytes });
    const handler = requestRecorder(events, (call) => (call % 2 === 0 ? Verdict.HOLD : Verdict.CONTINUE));
    feed([...singles(stream), Buffer.alloc(0), Buffer.alloc(0)], (buffer, start, end) => {
      let position = start;
      // A held request stays where it is; ask twice, as a session does when it wakes.
      for (let i = 0; i < 3; i++) position = parser.parse(buffer, position, end, handler);
      return position;
    });
    expect(events).toEqual(expected);
  });
});

describe("HOLD at the head of a large block", () => {
  test("consumes nothing, then starts anew", () => {
    let held = 0;
    const events: string[] = [];
    const handler: RequestHandler = {
      ...requestRecorder(events),
      onValueStart: () => (held++ === 0 ? Verdict.HOLD : Verdict.CONTINUE),
    };
    const parser = new TextRequestParser({ largeValueBytes: 0 });
    const input = bytes("set a 0 0 5\r\nhe");
    expect(parser.parse(input, 0, input.length, handler)).toBe(0);
    expect(parser.parse(input, 0, input.length, handler)).toBe(input.length);
    expect(parser.parse(bytes("llo\r\n"), 0, 5, handler)).toBe(5);
    expect(held).toBe(2);
  });
});

describe("SKIP", () => {
  test.each(["set a 1 0 40000", "ms YQ== 40000 b k Ox"])(
    "%s: the block is swallowed, the head is there at its end",
    (line) => {
      const events: string[] = [];
      const handler: RequestHandler = {
        ...requestRecorder(events),
        onValueStart: (r) => {
          events.push(`start ${r.valueBytes}`);
          return Verdict.SKIP;
        },
        onValuePiece: () => {
          throw new Error("a piece of a skipped block");
        },
        onValueEnd: (r, terminated, skipped) => {
          events.push(`end ${describeRequest(r)} ${terminated} ${skipped}`);
          return Verdict.CONTINUE;
        },
      };
      const parser = new TextRequestParser();
      const head = bytes(`${line}\r\n`);
      expect(parser.parse(head, 0, head.length, handler)).toBe(head.length);
      // No CRLF behind it: nobody looks.
      const block = Buffer.alloc(40_002, "x");
      for (let i = 0; i < block.length; i += 1000) {
        const piece = block.subarray(i, i + 1000);
        expect(parser.parse(piece, 0, piece.length, handler)).toBe(piece.length);
      }
      const next = bytes("get b\r\n");
      parser.parse(next, 0, next.length, handler);
      const description = line.startsWith("set")
        ? "set a flags=1 exptime=0"
        : "metaSet a raw=YQ== mask=2097169 b k Ox opaque=Ox";
      expect(events).toEqual(["start 40000", `end ${description} true true`, "get b"]);
    },
  );
});

describe("a scratch shared among parsers", () => {
  test("two connections with interleaved large blocks don't disturb each other", () => {
    const scratch = new RequestScratch();
    const streams = ["a", "b"].map((name) =>
      bytes(`ms ${name} 20 k O${name}\r\n${name.repeat(20)}\r\nget ${name}1 ${name}2\r\n`),
    );
    const runs = streams.map((input) => {
      const events: string[] = [];
      return {
        input,
        events,
        handler: requestRecorder(events),
        parser: new TextRequestParser({ scratch, largeValueBytes: 4 }),
        rest: Buffer.alloc(0),
      };
    });
    for (let i = 0; i < streams[0]!.length; i++) {
      for (const run of runs) {
        const input = Buffer.concat([run.rest, run.input.subarray(i, i + 1)]);
        run.rest = input.subarray(run.parser.parse(input, 0, input.length, run.handler));
      }
    }
    expect(runs.map(({ events }) => events)).toEqual(
      ["a", "b"].map((n) => [
        `metaSet ${n} raw=${n} mask=2097168 k O${n} opaque=O${n} value=${n.repeat(20)}`,
        `get ${n}1 ${n}2`,
      ]),
    );
  });
});

describe("lines without an end", () => {
  const tooLong = ["error  close"];
  test.each([
    ["2048 bytes may still end", "x".repeat(2048), []],
    ["2049 bytes close", "x".repeat(2049), tooLong],
    ["a long gat closes", `gat 0 ${"k ".repeat(1100)}`, tooLong],
    ["a long get waits", `get ${"k ".repeat(1100)}`, []],
    ["a long gets waits", `gets ${"k ".repeat(1100)}`, []],
    ["100 spaces before get wait", `${" ".repeat(100)}get ${"k ".repeat(1100)}`, []],
    ["101 spaces before get close", `${" ".repeat(101)}get ${"k ".repeat(1100)}`, tooLong],
    ["get without a space closes", `getx${"k ".repeat(1100)}`, tooLong],
  ])("%s", (_, input, events) => {
    expect(requestEvents([bytes(input)])).toEqual(events);
    expect(requestEvents(singles(bytes(input)))).toEqual(events);
  });

  test("a long line that has come whole is fine", () => {
    expect(requestEvents([bytes(`delete a ${"x".repeat(5000)}\r\nget a\r\n`)])[1]).toBe("get a");
  });

  test("get has a bound of its own", () => {
    expect(requestEvents([bytes(`get ${"k".repeat(5000)}`)], { maxGetLineBytes: 5000 })).toEqual(tooLong);
  });

  test("10,000 keys in 7-byte pieces", () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `key${i}`).join(" ");
    const whole = bytes(`get ${keys}\r\n`);
    const pieces = Array.from({ length: Math.ceil(whole.length / 7) }, (_, i) => whole.subarray(7 * i, 7 * i + 7));
    const events: string[] = [];
    const parser = new TextRequestParser();
    const handler = requestRecorder(events);
    // Kept in one buffer, as a session does: what is measured is the parser.
    let end = 0;
    let consumed = 0;
    for (const piece of pieces) {
      end += piece.length;
      consumed = parser.parse(whole, consumed, end, handler);
    }
    expect(events).toEqual([`get ${keys}`]);
  });
});

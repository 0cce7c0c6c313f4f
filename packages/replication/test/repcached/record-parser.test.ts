// The reading half of repcached's wire: what is heard is the same however the bytes are cut, and nothing breaks it.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordParser, type RecordHandler } from "../../src/repcached/record-parser.ts";
import type { WireRecording } from "./wire-steps.ts";

const recording = JSON.parse(
  readFileSync(new URL("../fixtures/repcached-wire.json", import.meta.url), "utf8"),
) as WireRecording;

const recorded = [
  recording.attach,
  ...recording.master.map(({ wire }) => wire),
  ...recording.copy,
  ...recording.slave.map(({ wire }) => wire),
]
  .join("")
  .replaceAll(/\{\+\d+\}/g, "1795217443");

/** What a 2.2 sends besides, what is no record, and the corners of the numbers. */
const others = [
  "delete old 30\r\n",
  "hello\r\n",
  "\r\n",
  "stats\r\n",
  `rep ${"k".repeat(250)} 4294967295 2147483647 3 4294967295\r\n\r\n\r\r\n`,
  "rep big 0 0 70000 1\r\n" + "v".repeat(70_000) + "\r\n",
  "rep wide 0 3942700000 1 18446744073709551615\r\nw\r\n",
  "rep neg -1 -1 1 1\r\nw\r\n",
  "flush_all  1795217443\n",
  "rep lf 0 0 1 1\nw\r\n",
  "flush_all soon\r\n",
  "marugoto_end now\r\n",
  "delete\r\n",
  `delete ${"k".repeat(251)}\r\n`,
].join("");

const bytes = (text: string) => Buffer.from(text, "latin1");
const text = (value: Buffer) => value.toString("latin1");

/** Writes down what the handler hears. */
function listen(maxValueBytes = 1024 * 1024) {
  const heard: string[] = [];
  const handler: RecordHandler = {
    onRep: ({ key, flags, exptime, casHigh, casLow, value }) => {
      const shown = value.length > 100 ? `${value.length} bytes` : JSON.stringify(text(value));
      heard.push(`rep ${text(key)} ${flags} ${exptime} ${casHigh}:${casLow} ${shown}`);
    },
    onTooLarge: (key, valueBytes) => heard.push(`too large ${text(key)} ${valueBytes}`),
    onDelete: (key) => heard.push(`delete ${text(key)}`),
    onFlush: (at) => heard.push(`flush ${at}`),
    onCopyEnd: () => heard.push("end"),
  };
  return { heard, parser: new RecordParser(handler, { maxValueBytes }) };
}

function hear(chunks: readonly Buffer[], maxValueBytes?: number) {
  const { heard, parser } = listen(maxValueBytes);
  let fault: string | undefined;
  for (const chunk of chunks) {
    // The bytes are overwritten afterwards, as those of a shared read buffer are.
    const own = Buffer.from(chunk);
    fault = parser.push(own);
    own.fill(0x21);
  }
  return { heard, fault };
}

describe("records", () => {
  const whole = bytes(recorded + others.replace("v".repeat(70_000), "v".repeat(300)).replace("70000", "300"));
  const expected = hear([whole]).heard;

  test("are heard in order, in the words of the wire", () => {
    const count = (wire: string, word: string) => wire.split("\n").filter((line) => line.startsWith(word)).length;
    expect(expected.filter((event) => event.startsWith("rep "))).toHaveLength(count(recorded, "rep ") + 5);
    expect(expected.filter((event) => event.startsWith("delete "))).toHaveLength(count(recorded, "delete ") + 1);
    expect(expected.filter((event) => event.startsWith("flush "))).toHaveLength(count(recorded, "flush_all") + 1);
    expect(expected.filter((event) => event === "end")).toHaveLength(2);
    expect(expected.slice(-7)).toEqual([
      "delete old",
      `rep ${"k".repeat(250)} 4294967295 2147483647 0:4294967295 "\\r\\n\\r"`,
      "rep big 0 0 0:1 300 bytes",
      'rep wide 0 3942700000 4294967295:4294967295 "w"',
      'rep neg 4294967295 -1 0:1 "w"',
      "flush 1795217443",
      'rep lf 0 0 0:1 "w"',
    ]);
  });

  test("cut in two anywhere", () => {
    for (let at = 0; at <= whole.length; at++) {
      const { heard, fault } = hear([whole.subarray(0, at), whole.subarray(at)]);
      expect(fault, `cut at ${at}`).toBeUndefined();
      expect(heard, `cut at ${at}`).toEqual(expected);
    }
  });

  test("byte by byte", () => {
    expect(hear(Array.from(whole, (_, i) => whole.subarray(i, i + 1))).heard).toEqual(expected);
  });

  test("cut at random, with a value that is larger than its first room", () => {
    const large = bytes(recorded + others);
    const all = hear([large]).heard;
    const cuts = fc.uniqueArray(fc.nat({ max: large.length }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (points) => {
        const ends = [...points.sort((a, b) => a - b), large.length];
        const chunks = ends.map((end, i) => large.subarray(i === 0 ? 0 : ends[i - 1], end));
        expect(hear(chunks).heard).toEqual(all);
      }),
      { numRuns: 200 },
    );
  });

  test.each([1, 7, 10_000])(
    "a value that is too large is skipped in pieces of %i bytes, and what follows is heard",
    (size) => {
      const stream = bytes(`rep large 0 0 5000 1\r\n${"v".repeat(5000)}\r\ndelete next\r\n`);
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.subarray(i * size, (i + 1) * size),
      );
      expect(hear(chunks, 4999).heard).toEqual(["too large large 5000", "delete next"]);
    },
  );
});

describe("hostile bytes", () => {
  test.each([
    ["no line end", "x".repeat(1025)],
    ["a rep line that is too short", "rep a 0 0 1\r\n"],
    ["a rep line that is too long", "rep a 0 0 1 1 1\r\nx\r\n"],
    ["a key that is too long", `rep ${"k".repeat(251)} 0 0 1 1\r\nx\r\n`],
    ["a length that is no number", "rep a 0 0 1x 1\r\nx\r\n"],
    ["a negative length", "rep a 0 0 -1 1\r\nx\r\n"],
    ["a length beyond 31 bits", "rep a 0 0 2147483648 1\r\nx\r\n"],
    ["flags beyond 32 bits", "rep a 4294967296 0 1 1\r\nx\r\n"],
    ["a cas beyond 64 bits", "rep a 0 0 1 18446744073709551616\r\nx\r\n"],
    ["a value without its line end", "rep a 0 0 1 1\r\nxyz\r\n"],
  ])("%s ends the stream, and nothing behind it is heard", (_, stream) => {
    for (const chunks of [[bytes(stream + "delete after\r\n")], [bytes(stream), bytes("delete after\r\n")]]) {
      const { heard, fault } = hear(chunks);
      expect(fault).toBeTypeOf("string");
      expect(heard).toEqual([]);
    }
  });

  test("a claimed length takes no memory before the bytes come", () => {
    const { parser, heard } = listen(128 * 1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    expect(parser.push(bytes("rep a 0 0 134217728 1\r\nxx"))).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(heard).toEqual([]);
  });

  test("random bytes never throw", () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom("rep ", "a ", "0 ", "1 ", "\r\n", "delete ", "flush_all ", "marugoto_end", "\n", "-"),
        fc.string({ unit: "binary", maxLength: 5 }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 10 }), (chunks) => {
        const { parser } = listen(100);
        for (const chunk of chunks) parser.push(bytes(chunk.join("")));
      }),
      { numRuns: 2000 },
    );
  });
});

import { describe, expect, test } from "vitest";
import { AnswerReader } from "../src/load/answer-reader.ts";
import { keyOf, Kind } from "../src/load/batch.ts";

const value = `VALUE ${keyOf(1)} 0 5\r\nhello\r\n`;
const refusal = "SERVER_ERROR out of memory storing object\r\n";
const metaValue = "VA 5\r\nhello\r\n";

const transcript = [
  { kind: Kind.get, answer: `${value}END\r\n` },
  { kind: Kind.get, answer: "END\r\n" },
  { kind: Kind.set, answer: "STORED\r\n" },
  { kind: Kind.get, answer: `${value}${value}${value}END\r\n` },
  { kind: Kind.set, answer: refusal },
  { kind: Kind.metaGet, answer: metaValue, bytes: metaValue.length },
  { kind: Kind.metaGet, answer: "EN\r\n" },
  { kind: Kind.metaSet, answer: "HD\r\n" },
  { kind: Kind.metaSet, answer: refusal },
  { kind: Kind.set, answer: "STORED\r\n" },
];
const kinds = Uint8Array.from(transcript, ({ kind }) => kind);
const valueBytes = Int32Array.from(transcript, ({ bytes }) => bytes ?? value.length);
const answers = Buffer.from(transcript.map(({ answer }) => answer).join(""), "latin1");

function readInPieces(...cuts: number[]): { reader: AnswerReader; hitsOf: Uint16Array } {
  const reader = new AnswerReader();
  const hitsOf = new Uint16Array(kinds.length);
  reader.expect(kinds, valueBytes, hitsOf);
  let from = 0;
  for (const cut of [...cuts, answers.length]) {
    expect(reader.done).toBe(false);
    // In a larger buffer, as a read leaves it: what lies behind the length is not looked at.
    const chunk = Buffer.concat([answers.subarray(from, cut), Buffer.from("VALUE rubbish\r\n")]);
    reader.read(chunk, cut - from);
    from = cut;
  }
  return { reader, hitsOf };
}

describe("answers", () => {
  const expectAll = ({ reader, hitsOf }: ReturnType<typeof readInPieces>): void => {
    expect(reader.done).toBe(true);
    expect([reader.hits, reader.stored, reader.refused, reader.bytes]).toEqual([5, 3, 2, answers.length]);
    expect([...hitsOf]).toEqual([1, 0, 0, 3, 0, 1, 0, 0, 0, 0]);
  };

  test("are counted from one piece", () => {
    const { reader, hitsOf } = readInPieces();
    expectAll({ reader, hitsOf });
    expect(reader.refusal).toBe(refusal.trim());
  });

  test("are counted alike whatever the split", () => {
    for (let cut = 1; cut < answers.length; cut++) expectAll(readInPieces(cut));
  });

  test("are counted byte by byte", () => {
    expectAll(readInPieces(...Array.from({ length: answers.length - 1 }, (_, i) => i + 1)));
  });

  test.each<[string, Kind, string]>([
    ["an error to a get", Kind.get, "ERROR\r\n"],
    ["an error to a set", Kind.set, "ERROR\r\n"],
    ["STORED to a get", Kind.get, "STORED\r\n"],
    ["a value of another length", Kind.get, `VALUE ${keyOf(1)} 0 6\r\nhello!\r\nEND\r\n`],
    ["a server error to a get", Kind.get, refusal],
    ["NS to ms", Kind.metaSet, "NS\r\n"],
    ["a value to a set", Kind.set, value],
  ])("%s is out of step", (_, kind, answer) => {
    const reader = new AnswerReader();
    reader.expect(Uint8Array.of(kind), Int32Array.of(value.length));
    const bytes = Buffer.from(answer, "latin1");
    expect(() => reader.read(bytes, bytes.length)).toThrow(expect.objectContaining({ code: "protocol_violation" }));
  });

  test("more than was asked for is out of step", () => {
    const reader = new AnswerReader();
    reader.expect(Uint8Array.of(Kind.set), Int32Array.of(0));
    const bytes = Buffer.from("STORED\r\nSTORED\r\n");
    expect(() => reader.read(bytes, bytes.length)).toThrow('request 2 of 1 was answered "STORED\\r\\n"');
  });
});

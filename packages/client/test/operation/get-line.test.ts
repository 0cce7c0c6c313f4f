// Lines of many keys, without a socket: a line that is used again must know nothing of what it carried before.

import { TextResponseParser, Verdict } from "@marugoto/protocol";
import { expect, test } from "vitest";
import type { Connection } from "../../src/connection/connection.ts";
import { Output } from "../../src/connection/output.ts";
import { RequestRing } from "../../src/connection/request-ring.ts";
import type { Sink } from "../../src/connection/sink.ts";
import { GetLine, type LineLimits } from "../../src/operation/get-line.ts";
import { KeyEncoder, type KeyRules } from "../../src/operation/keys.ts";
import type { Op } from "../../src/operation/op.ts";

const encoder = new KeyEncoder();
const rules: KeyRules = { policy: "reject", prefix: Buffer.alloc(0), hashPrefix: true };

/** As much of a connection as lines use. */
function fakeConnection() {
  const violations: string[] = [];
  const ring = new RequestRing();
  const connection = {
    output: new Output(),
    ring,
    waiting: 0,
    openLine: null as GetLine | null,
    spareLine: null as GetLine | null,
    largeKey: null,
    violations,
    begin() {
      connection.openLine?.close();
      return connection.output;
    },
    push(sink: Sink, deadlineMs: number, expect: number) {
      connection.waiting++;
      return ring.push(sink, deadlineMs, expect);
    },
    violation(what: string) {
      violations.push(what);
    },
    /** What has been written since the last call. */
    sent(): string {
      connection.openLine?.close();
      const { output } = connection;
      const text = output.buffer.toString("latin1", 0, output.end);
      output.clear();
      return text;
    },
    /** Gives answers to the oldest line. */
    answer(text: string): void {
      const bytes = Buffer.from(text, "latin1");
      new TextResponseParser().parse(bytes, 0, bytes.length, {
        onResponse(response) {
          const last = response.valueBytes < 0;
          const sink = ring.first;
          if (last) {
            ring.shift();
            connection.waiting--;
          }
          sink.onAnswer(response, last);
          return Verdict.CONTINUE;
        },
        onViolation: (fault) => expect.unreachable(fault),
        onValueStart: () => Verdict.CONTINUE,
        onValuePiece: () => undefined,
        onValueEnd: () => Verdict.CONTINUE,
      });
    },
  };
  return connection;
}

type FakeConnection = ReturnType<typeof fakeConnection>;

/** An op that writes down how it ended. */
function fakeOp(ends: string[], key: string): Op {
  const op: Pick<Op, "line" | "place" | "deadlineMs" | "receiveValue" | "receiveMiss" | "receiveRefusal"> = {
    line: null,
    place: 0,
    deadlineMs: 100,
    receiveValue(response) {
      ends.push(`${key}=${response.input.toString("latin1", response.valueStart, response.valueEnd)}`);
    },
    receiveMiss: () => ends.push(`${key} missed`),
    receiveRefusal: () => ends.push(`${key} refused`),
  };
  return op as Op;
}

const limits: LineLimits = { maxKeys: 100, maxBytes: 8000 };

function join(connection: FakeConnection, ends: string[], keys: readonly string[], most: LineLimits = limits): Op[] {
  return keys.map((key) => {
    const op = fakeOp(ends, key);
    encoder.encode(key, rules);
    GetLine.join(connection as unknown as Connection, most, false, op, encoder);
    return op;
  });
}

test("a line that is used again carries its own keys alone", () => {
  const connection = fakeConnection();
  const ends: string[] = [];
  join(connection, ends, ["a", "bb", "ccc"]);
  expect(connection.sent()).toBe("get a bb ccc\r\n");
  connection.answer("VALUE bb 0 1\r\n1\r\nEND\r\n");
  const used = connection.spareLine;
  expect(used).not.toBeNull();

  join(connection, ends, ["dd", "a"]);
  expect(connection.openLine).toBe(used);
  expect(connection.sent()).toBe("get dd a\r\n");
  // Of the line before there were three keys, and `ccc` was one.
  connection.answer("VALUE a 0 1\r\n2\r\nEND\r\n");
  expect(ends).toEqual(["bb=1", "a missed", "ccc missed", "a=2", "dd missed"]);
  expect(connection.waiting).toBe(0);
  expect(connection.violations).toEqual([]);

  join(connection, ends, ["a"]);
  connection.sent();
  connection.answer("VALUE ccc 0 1\r\n3\r\n");
  expect(connection.violations).toEqual(['a value for "ccc", which was not asked for']);
});

test("a line is not used again while it waits, nor after a refusal", () => {
  const connection = fakeConnection();
  const ends: string[] = [];
  join(connection, ends, ["a"]);
  connection.sent();
  const [op] = join(connection, ends, ["b"]);
  connection.sent();
  expect(connection.spareLine).toBeNull();
  op!.line!.drop(op!);
  connection.answer("SERVER_ERROR out of memory\r\n");
  expect(connection.spareLine).toBeNull();
  connection.answer("END\r\n");
  expect(ends).toEqual(["a refused"]);
  expect(connection.spareLine).not.toBeNull();
  expect(connection.waiting).toBe(0);
});

test("an answer to keys that were not sent yet is a violation, whatever it says", () => {
  const connection = fakeConnection();
  const ends: string[] = [];
  join(connection, ends, ["a", "b"]);
  connection.sent();
  connection.answer("END\r\n");
  join(connection, ends, ["c"]);
  connection.answer("VALUE a 0 1\r\n1\r\n");
  expect(ends).toEqual(["a missed", "b missed"]);
  expect(connection.violations).toEqual(["an answer to keys that were not sent yet"]);
});

test("a line ends where the buffer does, and the next one begins in a new buffer", () => {
  const connection = fakeConnection();
  const ends: string[] = [];
  const keys = Array.from({ length: 60 }, (_, i) => `${i}`.padStart(250, "k"));
  join(connection, ends, keys, { maxKeys: 1000, maxBytes: 100_000 });
  const sent = [connection.output.buffer.toString("latin1", 0, connection.output.end)];
  connection.openLine!.close();
  // 4096 bytes hold 16 of them; what follows lies in a buffer of 64 KiB.
  expect(connection.ring.length).toBe(2);
  expect(sent[0]).toBe(`get ${keys.slice(16).join(" ")}`);
  const answer = (some: readonly string[]) => some.map((key) => `VALUE ${key} 0 1\r\n1\r\n`).join("");
  connection.answer(`${answer(keys.slice(0, 16))}END\r\n${answer(keys.slice(16))}END\r\n`);
  expect(ends).toEqual(keys.map((key) => `${key}=1`));
});

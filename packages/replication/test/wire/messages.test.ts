// The words between nodes, byte by byte: the greeting is recorded, the rest comes back as it was written.

import { readFileSync } from "node:fs";
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import * as M from "../../src/wire/messages.ts";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/greeting-1.json", import.meta.url), "utf8")) as Readonly<
  Record<"dialler" | "listener" | "dialledHello" | "listenedHello" | "diallerProof" | "listenerProof", string>
> & {
  readonly secret: string;
};

const hello = (first: number): M.Hello => ({
  version: 1,
  oldestVersion: 1,
  features: 0,
  nodeId: Buffer.alloc(16, first),
  nonce: Buffer.alloc(16, first + 1),
});

test("the greeting of version 1 is what was recorded", () => {
  const [dialled, listened] = [M.writeHello(hello(0x10)), M.writeHello(hello(0x20))];
  expect(dialled.toString("hex")).toBe(fixture.dialledHello);
  expect(listened.toString("hex")).toBe(fixture.listenedHello);
  for (const side of ["dialler", "listener"] as const) {
    const proof = createHmac("sha256", fixture.secret).update(side).update(dialled).update(listened).digest();
    expect(M.writeProof(proof).toString("hex")).toBe(fixture[`${side}Proof`]);
  }
});

test("a recorded hello is understood", () => {
  const bytes = Buffer.from(fixture.dialledHello, "hex");
  expect(M.readHello(bytes, 0, bytes.length)).toEqual(hello(0x10));
  expect(M.readHello(Buffer.alloc(56), 0, 56)).toBeUndefined();
  expect(M.readHello(bytes, 0, 20)).toBeUndefined();
});

test("state, attachment, heartbeat, forward and answer come back as they were written", () => {
  const history = [
    { epoch: 0, nodeId: "a".repeat(32), start: 0 },
    { epoch: 2 ** 40 + 9, nodeId: "b".repeat(32), start: 2 ** 44 },
  ];
  const state: M.NodeState = {
    role: "yielding",
    rank: 7,
    complete: true,
    hasMaster: false,
    epoch: 17,
    logStart: 12,
    logEnd: 2 ** 45,
    groupMs: 1_795_217_443_123,
    listenPort: 11212,
    following: "c".repeat(32),
    history,
  };
  const bytes = M.writeState(state);
  expect(M.readState(bytes, 0, bytes.length)).toEqual(state);
  for (let end = 0; end < bytes.length; end++) expect(M.readState(bytes, 0, end)).toBeUndefined();
  const attachment: M.Attachment = {
    offset: 2 ** 40,
    rank: 3,
    items: 0,
    history,
    forwarded: new Map([["d".repeat(32), 5]]),
  };
  const attached = M.writeAttachment(M.MessageKind.resume, attachment);
  expect(M.readAttachment(attached, 0, attached.length)).toEqual(attachment);
  for (let end = 0; end < attached.length; end++) expect(M.readAttachment(attached, 0, end)).toBeUndefined();
  const heartbeat = {
    epoch: 9,
    offset: 2 ** 52 + 1,
    groupMs: 1_795_217_443_123,
    sentUs: 2 ** 47,
    echoUs: 5,
    heldUs: 7,
  };
  expect(M.readHeartbeat(M.writeHeartbeat(heartbeat), 0)).toEqual(heartbeat);
  const forward = M.writeForward(Buffer.alloc(16, 1), 5, 4, Buffer.from("incr n 1\r\n"));
  expect(forward.subarray(M.FORWARD_HEAD_BYTES).toString()).toBe("incr n 1\r\n");
  const bye = M.writeBye("so\nlong");
  expect(M.readBye(bye, 0, bye.length)).toBe("so?long");
});

// What one end writes, the other end reads: requests from the client's writer through the server's parser, answers the
// other way.

import { isCacheError } from "@marugoto/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Command,
  commandInfo,
  commands,
  Lines,
  MAX_META_HEAD_BYTES,
  MAX_REQUEST_HEAD_BYTES,
  MAX_VALUE_HEAD_BYTES,
  MetaStatus,
  RequestReader,
  ResponseReader,
  TextRequestParser,
  writeArithmetic,
  writeControl,
  writeCrlf,
  writeDataBlock,
  writeDelete,
  writeFlag,
  writeFlagBit,
  writeFlagInt32,
  writeFlagOpaque,
  writeFlagUint32,
  writeFlagUint64,
  writeFlushAll,
  writeGet,
  writeGetAndTouch,
  writeLine,
  writeManyHead,
  writeManyTouchHead,
  writeMetaEcho,
  writeMetaHead,
  writeMetaKey,
  writeMetaNoop,
  writeMetaSetHead,
  writeMetaStatus,
  writeMetaValue,
  writeNextKey,
  writeNumberLine,
  writeStat,
  writeStorageHead,
  writeTouch,
  writeValueHead,
  writeValueHeadWithCas,
  writeVersion,
  type RequestMessage,
  type Response,
  type StorageCommand,
} from "../src/index.ts";
import { bytes, requestRecorder } from "./recorder.ts";

const out = Buffer.alloc(64 * 1024);

const keyByte = fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }));
const key = fc.array(keyByte, { minLength: 1, maxLength: 250 }).map((array) => Buffer.from(array));
const binaryKey = fc.uint8Array({ minLength: 1, maxLength: 186 }).map((array) => Buffer.from(array));
const value = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const uint32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 0xffff_ffff));
const int32 = fc.oneof(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), fc.constantFrom(0, -1, -0x8000_0000));
const toBigInt = (high: number, low: number) => (BigInt(high) << 32n) | BigInt(low);

/** What was written with offset 3, surrounded by untouched bytes. */
function written(write: (offset: number) => number, room: number): Buffer {
  out.fill(0xee, 0, room + 16);
  const end = write(3);
  expect(end - 3).toBeLessThanOrEqual(room);
  expect(out.subarray(0, 3).every((byte) => byte === 0xee)).toBe(true);
  expect(out[end]).toBe(0xee);
  return Buffer.from(out.subarray(3, end));
}

function requestOf(write: (offset: number) => number, room = MAX_REQUEST_HEAD_BYTES): RequestMessage {
  const messages = new RequestReader().push(written(write, room));
  expect(messages).toHaveLength(1);
  return messages[0]!;
}

describe("requests", () => {
  test("get, gets, gat, gats, with one key and with many", () => {
    const names = fc.constantFrom("get", "gets");
    fc.assert(
      fc.property(names, fc.array(key, { minLength: 1, maxLength: 20 }), int32, (name, keys, exptime) => {
        const plain = Command[name];
        const touching = name === "get" ? Command.gat : Command.gats;
        const first = keys[0]!;
        expect(requestOf((o) => writeGet(out, o, plain, first, 0, first.length))).toEqual({
          kind: "request",
          command: name,
          keys: [first],
          noreply: false,
        });
        expect(requestOf((o) => writeGetAndTouch(out, o, touching, exptime, first, 0, first.length))).toEqual({
          kind: "request",
          command: commandInfo(touching)?.name,
          keys: [first],
          noreply: false,
          exptime,
        });
        const all = (from: number) => keys.reduce((o, k) => writeNextKey(out, o, k, 0, k.length), from);
        expect(requestOf((o) => writeCrlf(out, all(writeManyHead(out, o, plain))), 6000)).toMatchObject({
          command: name,
          keys,
        });
        expect(
          requestOf((o) => writeCrlf(out, all(writeManyTouchHead(out, o, touching, exptime))), 6000),
        ).toMatchObject({ keys, exptime });
      }),
    );
  });

  test("the storage commands", () => {
    const names = fc.constantFrom<StorageCommand[]>(
      Command.set,
      Command.add,
      Command.replace,
      Command.append,
      Command.prepend,
      Command.cas,
    );
    fc.assert(
      fc.property(
        names,
        key,
        uint32,
        int32,
        value,
        fc.boolean(),
        uint32,
        uint32,
        (command, k, flags, exptime, v, noreply, high, low) => {
          const message = requestOf((o) => {
            const head = writeStorageHead(
              out,
              o,
              command,
              k,
              0,
              k.length,
              flags,
              exptime,
              v.length,
              noreply,
              high,
              low,
            );
            return writeDataBlock(out, head, v, 0, v.length);
          }, MAX_REQUEST_HEAD_BYTES + 202);
          const cas = command === Command.cas ? { cas: toBigInt(high, low) } : {};
          expect(message).toEqual({
            kind: "request",
            command: commandInfo(command)?.name,
            keys: [k],
            noreply,
            flags,
            exptime,
            value: v,
            ...cas,
          });
        },
      ),
    );
  });

  test("delete, incr, decr, touch, flush_all", () => {
    fc.assert(
      fc.property(key, uint32, uint32, int32, fc.boolean(), (k, high, low, exptime, noreply) => {
        // A key that reads noreply is one to memcached when nothing follows it.
        fc.pre(k.toString() !== "noreply");
        const base = { kind: "request", keys: [k], noreply };
        expect(requestOf((o) => writeDelete(out, o, k, 0, k.length, noreply))).toEqual({ ...base, command: "delete" });
        for (const name of ["incr", "decr"] as const) {
          expect(requestOf((o) => writeArithmetic(out, o, Command[name], k, 0, k.length, high, low, noreply))).toEqual({
            ...base,
            command: name,
            delta: toBigInt(high, low),
          });
        }
        expect(requestOf((o) => writeTouch(out, o, k, 0, k.length, exptime, noreply))).toEqual({
          ...base,
          command: "touch",
          exptime,
        });
        expect(requestOf((o) => writeFlushAll(out, o, exptime, noreply))).toMatchObject({
          command: "flushAll",
          keys: [],
          noreply,
          exptime,
        });
      }),
    );
  });

  test("meta, text keys and binary keys", () => {
    const keys = fc.oneof(
      key.map((k) => ({ k, binary: false })),
      binaryKey.map((k) => ({ k, binary: true })),
    );
    const opaque = fc.array(keyByte, { minLength: 1, maxLength: 31 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(keys, opaque, uint32, uint32, int32, value, ({ k, binary }, o, high, low, ttl, v) => {
        const b = binary ? ["b"] : [];
        const flags = (from: number) => {
          let i = writeFlagOpaque(out, from, o, 0, o.length);
          i = writeFlagUint64(out, i, 0x43, high, low);
          i = writeFlagInt32(out, i, 0x54, ttl);
          return writeCrlf(out, writeFlag(out, i, 0x71));
        };
        const metaFlags = [...b, `O${o.toString("latin1")}`, `C${toBigInt(high, low)}`, `T${ttl}`, "q"];
        for (const name of ["metaGet", "metaDelete", "metaArithmetic"] as const) {
          expect(requestOf((i) => flags(writeMetaHead(out, i, Command[name], k, 0, k.length, binary)))).toMatchObject({
            command: name,
            keys: [k],
            metaFlags,
            noreply: true,
          });
        }
        const set = requestOf(
          (i) => writeDataBlock(out, flags(writeMetaSetHead(out, i, k, 0, k.length, v.length, binary)), v, 0, v.length),
          800,
        );
        expect(set).toMatchObject({ command: "metaSet", keys: [k], metaFlags, value: v, mode: "S" });
        expect(
          requestOf((i) => writeCrlf(out, writeMetaHead(out, i, Command.metaDebug, k, 0, k.length, binary))),
        ).toMatchObject({
          command: "metaDebug",
          keys: [k],
          metaFlags: b,
        });
      }),
    );
    expect(requestOf((i) => writeMetaNoop(out, i))).toMatchObject({ command: "metaNoop" });
  });

  test("control commands with arguments", () => {
    for (const { code, name, family } of commands) {
      if ((family !== "control" && family !== "information") || name === "quit") continue;
      const args = name === "verbosity" || name === "flushAll" ? ["1"] : ["one", "2"];
      expect(requestOf((o) => writeControl(out, o, code, args))).toMatchObject({ command: name, args });
    }
  });
});

describe("a writer can't be made to write a second command", () => {
  const code = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      if (isCacheError(error)) return error.code;
      throw error;
    }
    return "none";
  };

  test.each([
    ["", "key_invalid"],
    ["a b", "key_invalid"],
    ["a\r\nflush_all", "key_invalid"],
    ["a\n", "key_invalid"],
    ["a\0", "key_invalid"],
    ["\x7f", "key_invalid"],
    ["k".repeat(251), "key_too_long"],
  ])("key %j", (text, expected) => {
    const k = bytes(text);
    const n = k.length;
    out.fill(0xee, 0, 512);
    const writers = [
      () => writeGet(out, 0, Command.get, k, 0, n),
      () => writeGetAndTouch(out, 0, Command.gat, 0, k, 0, n),
      () => writeNextKey(out, 0, k, 0, n),
      () => writeStorageHead(out, 0, Command.set, k, 0, n, 0, 0, 1, false),
      () => writeDelete(out, 0, k, 0, n, false),
      () => writeArithmetic(out, 0, Command.incr, k, 0, n, 0, 1, false),
      () => writeTouch(out, 0, k, 0, n, 0, false),
      () => writeMetaHead(out, 0, Command.metaGet, k, 0, n, false),
      () => writeMetaSetHead(out, 0, k, 0, n, 1, false),
    ];
    expect(writers.map(code)).toEqual(writers.map(() => expected));
    expect(out.subarray(0, 512).every((byte) => byte === 0xee)).toBe(true);
  });

  test("binary keys, opaques, arguments and numbers are checked too", () => {
    const k = bytes("k");
    const refused = [
      () => writeMetaHead(out, 0, Command.metaGet, Buffer.alloc(0), 0, 0, true),
      () => writeMetaHead(out, 0, Command.metaGet, Buffer.alloc(187), 0, 187, true),
      () => writeFlagOpaque(out, 0, bytes("a b"), 0, 3),
      () => writeFlagOpaque(out, 0, bytes("a".repeat(32)), 0, 32),
      () => writeControl(out, 0, Command.stats, ["a b"]),
      () => writeControl(out, 0, Command.stats, ["a\r\nquit"]),
      () => writeControl(out, 0, Command.stats, [""]),
      () => writeControl(out, 0, Command.stats, ["\u0120"]),
      () => writeTouch(out, 0, k, 0, 1, 1.5, false),
      () => writeTouch(out, 0, k, 0, 1, NaN, false),
      () => writeStorageHead(out, 0, Command.set, k, 0, 1, -1, 0, 1, false),
      () => writeStorageHead(out, 0, Command.set, k, 0, 1, 0, 2 ** 31, 1, false),
      () => writeStorageHead(out, 0, Command.set, k, 0, 1, 0, 0, -1, false),
      () => writeArithmetic(out, 0, Command.incr, k, 0, 1, 2 ** 32, 0, false),
    ];
    expect(refused.map(code).filter((c) => c === "none")).toEqual([]);
    expect(() => writeControl(out, 0, Command.get, [])).toThrow(TypeError);
  });
});

function answerOf(write: (offset: number) => number, room: number): Response {
  const messages = new ResponseReader().push(written(write, room));
  expect(messages).toHaveLength(1);
  return messages[0] as Response;
}

describe("answers", () => {
  test("VALUE, with and without cas", () => {
    fc.assert(
      fc.property(key, uint32, value, uint32, uint32, (k, flags, v, high, low) => {
        const room = MAX_VALUE_HEAD_BYTES + 202;
        const block = (o: number) => writeDataBlock(out, o, v, 0, v.length);
        expect(answerOf((o) => block(writeValueHead(out, o, k, 0, k.length, flags, v.length)), room)).toEqual({
          reply: "value",
          key: k,
          flags,
          value: v,
        });
        expect(
          answerOf((o) => block(writeValueHeadWithCas(out, o, k, 0, k.length, flags, v.length, high, low)), room),
        ).toEqual({
          reply: "value",
          key: k,
          flags,
          cas: toBigInt(high, low),
          value: v,
        });
      }),
    );
  });

  test("meta answers with every flag at its longest", () => {
    fc.assert(
      fc.property(value, uint32, uint32, int32, binaryKey, (v, high, low, ttl, k) => {
        const flags = (o: number) => {
          let i = writeFlagUint64(out, o, 0x63, high, low);
          i = writeFlagUint32(out, i, 0x66, low);
          i = writeFlagBit(out, i, 0x68, true);
          i = writeFlagUint32(out, i, 0x6c, high);
          i = writeFlagInt32(out, i, 0x74, ttl);
          i = writeFlagUint32(out, i, 0x73, v.length);
          i = writeMetaKey(out, i, k, 0, k.length, true);
          for (const mark of "ZXW") i = writeFlag(out, i, mark.charCodeAt(0));
          return writeCrlf(out, i);
        };
        const encoded = k.toString("base64");
        const metaFlags = [
          `c${toBigInt(high, low)}`,
          `f${low}`,
          "h1",
          `l${high}`,
          `t${ttl}`,
          `s${v.length}`,
          `k${encoded}`,
          "b",
          "Z",
          "X",
          "W",
        ];
        const common = { key: bytes(encoded), cas: toBigInt(high, low), metaFlags };
        expect(answerOf((o) => flags(writeMetaStatus(out, o, MetaStatus.hit)), MAX_META_HEAD_BYTES)).toEqual({
          reply: "metaHit",
          ...common,
        });
        const whole = (o: number) => writeDataBlock(out, flags(writeMetaValue(out, o, v.length)), v, 0, v.length);
        expect(answerOf(whole, MAX_META_HEAD_BYTES + 202)).toEqual({ reply: "metaValue", value: v, ...common });
      }),
    );
  });

  test.each([
    ["mg abc k q Oxy", "EN kabc Oxy"],
    ["mg abc v Oxy s k", "EN Oxy kabc"],
    ["mg YWJj b k", "EN kYWJj b"],
    ["md Y!WJj b k O", "EN kYWJj b O"],
    ["mg abc v", "EN"],
    ["ms abc 1 O7 k", "EN O7 kabc"],
  ])("%s echoes as %s", (line, expected) => {
    const events: string[] = [];
    let echoed = "";
    new TextRequestParser().parse(bytes(`${line}\r\nx\r\n`), 0, line.length + (line.startsWith("ms") ? 5 : 2), {
      ...requestRecorder(events),
      onRequest: (r) => {
        echoed = written(
          (o) => writeMetaEcho(out, writeMetaStatus(out, o, MetaStatus.miss), r),
          MAX_META_HEAD_BYTES,
        ).toString("latin1");
        return 0;
      },
    });
    expect(echoed).toBe(expected);
  });

  test("numbers, STAT and VERSION", () => {
    expect(answerOf((o) => writeNumberLine(out, o, 1, 5), 22)).toEqual({ reply: "number", number: 4294967301n });
    expect(answerOf((o) => writeStat(out, o, "pid", 12), 100)).toEqual({
      reply: "stat",
      key: bytes("pid"),
      text: "12",
    });
    expect(answerOf((o) => writeStat(out, o, "version", "1.6.45 x"), 100)).toEqual({
      reply: "stat",
      key: bytes("version"),
      text: "1.6.45 x",
    });
    expect(answerOf((o) => writeVersion(out, o, "1.6.45"), 100)).toEqual({ reply: "version", text: "1.6.45" });
  });

  test.each(Object.entries(Lines))("the line %s is an answer", (name, line) => {
    const message = answerOf((o) => writeLine(out, o, line), 100);
    const text = line.toString("latin1").trimEnd();
    if (/^[A-Z_]+$/.test(text) && text !== "ERROR") expect(message.text).toBeUndefined();
    else if (text.startsWith("CLIENT_ERROR")) expect(message).toEqual({ reply: "clientError", text: text.slice(13) });
    else if (text.startsWith("SERVER_ERROR"))
      expect(message).toEqual({ reply: "serverError", text: text.replace(/^SERVER_ERROR:? /, "") });
    else if (text.startsWith("ERROR")) expect(message).toEqual({ reply: "error", text: text.slice(6) });
    else expect(message).toEqual({ reply: "refused", text });
    expect(name).not.toBe("");
  });
});

import { describe, expect, test } from "vitest";
import { harness, transcript } from "./support.ts";

describe("a transcript of all commands", () => {
  const whole = harness().ask(transcript);

  test("answers what is expected of its first lines", () => {
    expect(whole.split("\r\n").slice(0, 8)).toEqual([
      "STORED",
      "NOT_STORED",
      "STORED",
      "STORED",
      "NOT_STORED",
      "STORED",
      "NOT_STORED",
      "VALUE a 6 8",
    ]);
    expect(whole).not.toContain("SERVER_ERROR i");
    expect(whole.endsWith("RESET\r\n")).toBe(true);
  });

  test("answers the same bytes however it is split in two", () => {
    for (let at = 1; at < transcript.length; at++) {
      const { connect } = harness();
      const { send, transport } = connect();
      send(transcript.slice(0, at));
      send(transcript.slice(at));
      const answer = transport.take();
      if (answer !== whole) expect(answer, `split at ${at}`).toBe(whole);
    }
  });

  test("answers the same bytes when it comes byte by byte", () => {
    const { connect } = harness();
    const { send, transport } = connect();
    for (const byte of transcript) send(byte);
    expect(transport.take()).toBe(whole);
  });

  test("leaves in one write when it comes in one read", () => {
    const { connect } = harness({ requestsPerEvent: 1000 });
    const { send, transport } = connect();
    send(transcript);
    expect(transport.writes).toBe(1);
  });
});

describe("large values", () => {
  const value = "v".repeat(300_000);
  const set = `set big 1 0 ${value.length}\r\n${value}\r\n`;

  test("are stored from pieces of any size and read back whole", () => {
    for (const piece of [1000, 4096, 65_536, 400_000]) {
      const { connect } = harness();
      const { send, transport } = connect();
      for (let at = 0; at < set.length; at += piece) send(set.slice(at, at + piece));
      expect(transport.take()).toBe("STORED\r\n");
      send("get big none big\r\n");
      const answer = `VALUE big 1 ${value.length}\r\n${value}\r\n`;
      expect(transport.take() === `${answer}${answer}END\r\n`).toBe(true);
      send("mg big v s\r\nmn\r\n");
      expect(transport.take() === `VA ${value.length} s${value.length}\r\n${value}\r\nMN\r\n`).toBe(true);
    }
  });

  test("can be appended and prepended to in pieces", () => {
    const { connect } = harness();
    const { send, transport } = connect();
    send(set);
    for (const command of ["append", "prepend"]) {
      const more = `${command} big 0 0 ${value.length}\r\n${value}\r\n`;
      for (let at = 0; at < more.length; at += 10_000) send(more.slice(at, at + 10_000));
    }
    expect(transport.take()).toBe("STORED\r\nSTORED\r\nSTORED\r\n");
    send("get big\r\n");
    expect(transport.take() === `VALUE big 1 900000\r\n${value}${value}${value}\r\nEND\r\n`).toBe(true);
  });

  test("one byte over the limit is swallowed, answered, and the old value removed", () => {
    const { connect } = harness({ maxItemBytes: 1024 * 1024 });
    const { send, transport } = connect();
    // 48 bytes of header, 1 of key, 1 of NUL, 2 of CRLF, 8 of cas.
    const most = 1024 * 1024 - 60;
    for (const [bytes, answer] of [
      [most, "STORED\r\n"],
      [most + 1, "SERVER_ERROR object too large for cache\r\n"],
    ] as const) {
      const bytesOf = Buffer.from(`set k 0 0 ${bytes}\r\n${"x".repeat(bytes)}\r\n`);
      for (let at = 0; at < bytesOf.length; at += 60_000) send(bytesOf.subarray(at, at + 60_000));
      expect(transport.take()).toBe(answer);
    }
    send("get k\r\n");
    expect(transport.take()).toBe("END\r\n");
  });

  test("without CRLF behind them are refused and the rest is read as commands", () => {
    const { connect, server } = harness();
    const { send, transport } = connect();
    send(`set big 0 0 100000\r\n${"x".repeat(100_000)}zz\r\nversion\r\n`);
    expect(transport.take()).toMatch(/^CLIENT_ERROR bad data chunk\r\n.*VERSION /s);
    expect(server.store.promisedBytes).toBe(0);
  });

  test("give their room back when the client leaves half-way", () => {
    const { connect, server } = harness();
    const { send, session } = connect();
    send(`set big 0 0 100000\r\n${"x".repeat(50_000)}`);
    expect(server.store.promisedBytes).toBeGreaterThan(0);
    session.destroy("server");
    expect(server.store.promisedBytes).toBe(0);
  });

  test("that arrive at once may be promised a quarter of the memory, then there is no room", () => {
    const { connect } = harness({ memoryBytes: 8 * 1024 * 1024 });
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) {
      const { send, transport } = connect();
      send(`set big${i} 0 0 900000\r\n${"x".repeat(1000)}`);
      answers.push(transport.take());
    }
    expect(answers).toEqual([
      "",
      "",
      "SERVER_ERROR out of memory storing object\r\n",
      expect.stringContaining("out of memory"),
    ]);
  });
});

describe("fairness", () => {
  test("after requestsPerEvent requests the session gives way, and goes on by itself", async () => {
    const { connect, ask } = harness({ requestsPerEvent: 2 });
    const { send, transport } = connect();
    send("mn\r\n".repeat(5));
    expect(transport.take()).toBe("MN\r\nMN\r\n");
    expect(transport.paused).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.take()).toBe("MN\r\nMN\r\n");
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.take()).toBe("MN\r\n");
    expect(transport.paused).toBe(false);
    expect(ask("stats\r\n")).toContain("STAT conn_yields 2\r\n");
  });
});

describe("a client that doesn't read", () => {
  test("stops being executed when 64 KiB wait, and goes on in order once it reads", () => {
    const { connect } = harness({ requestsPerEvent: 1_000_000 });
    const { send, transport } = connect();
    send(`set k 0 0 20000\r\n${"k".repeat(20_000)}\r\n`);
    transport.take();
    transport.blocked = true;
    for (let i = 0; i < 20; i++) send(`mg k v O${i}\r\n`);
    expect(transport.waiting).toBeGreaterThan(64 * 1024);
    expect(transport.waiting).toBeLessThan(64 * 1024 + 21_000);
    expect(transport.paused).toBe(true);
    transport.blocked = false;
    transport.drain();
    expect(transport.paused).toBe(false);
    const opaques = [...transport.take().matchAll(/O(\d+)\r\n/g)].map((match) => Number(match[1]));
    expect(opaques).toEqual([...Array(20).keys()]);
  });

  test("in the middle of a get of many keys waits between two keys", () => {
    const { connect, server } = harness();
    const { send, transport } = connect();
    const keys = [...Array(50).keys()].map((i) => `key${i}`);
    for (const key of keys) send(`set ${key} 0 0 10000\r\n${key.padEnd(10_000)}\r\n`);
    transport.take();
    transport.blocked = true;
    send(`get ${keys.join(" ")}\r\nversion\r\n`);
    expect(transport.waiting).toBeLessThan(64 * 1024 + 21_000);
    while (transport.waiting > 0) transport.drain();
    transport.blocked = false;
    const answer = transport.take();
    expect([...answer.matchAll(/VALUE (key\d+) 0 10000\r\n/g)].map((match) => match[1])).toEqual(keys);
    expect(answer).toMatch(/END\r\nVERSION .*\r\n$/);
    expect(server.metrics).toBeDefined();
  });

  test("is sent large values from their place, which is kept although they are overwritten and flushed", () => {
    const { connect, ask } = harness();
    const { send, transport } = connect();
    const value = "1".repeat(500_000);
    for (const [key, text] of [
      ["one", value],
      ["two", value.replaceAll("1", "2")],
    ]) {
      ask(`set ${key} 0 0 500000\r\n${text}\r\n`);
    }
    transport.blocked = true;
    send("get one two\r\n");
    ask(`set one 0 0 500000\r\n${value.replaceAll("1", "3")}\r\n`);
    ask("flush_all\r\n");
    for (let i = 0; i < 30; i++) ask(`set other${i} 0 0 500000\r\n${value.replaceAll("1", "4")}\r\n`);
    while (transport.waiting > 0) transport.drain();
    const answer = transport.take();
    expect(answer === `VALUE one 0 500000\r\n${value}\r\nEND\r\n`).toBe(true);
  });
});

describe("the end of a connection", () => {
  test.each([
    ["quit", "mn\r\nquit\r\nmn\r\n", "MN\r\n"],
    ["HTTP", "GET / HTTP/1.1\r\n", ""],
    ["a line without end", "x".repeat(3000), ""],
    ["the binary protocol", "\x80\x0b\0\0", ""],
  ])("%s: closes, after what was answered has left", (_, bytes, answer) => {
    const { connect } = harness();
    const { send, transport } = connect();
    send(bytes);
    expect(transport.take()).toBe(answer);
    expect(transport.ended).toBe(true);
  });

  test("a client that only sends and closes gets its answers", () => {
    const { connect } = harness();
    const { send, session, transport } = connect();
    send("mn\r\nmn\r\nhalf a li");
    session.onInputEnd();
    expect(transport.take()).toBe("MN\r\nMN\r\n");
    expect(transport.ended).toBe(true);
  });
});

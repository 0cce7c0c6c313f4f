// The binary as a child process: how it starts, what it says, how it reloads and ends.

import { existsSync, mkdtempSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect as dial, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  builtApp,
  Cleanup,
  connect,
  eventually,
  freePort,
  spawnMarugotoServer,
  spawnMemcached,
  spawnServer,
  startFaultProxy,
  temporaryFolder,
  TestConnection,
  useOracle,
  within,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { runProxy, startProxy } from "./support/app.ts";
import { startNumberedBackend } from "./support/numbered-backend.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** A pool on any free port. */
const pool = (name: string, port: number | string, ...lines: string[]) =>
  `${name}:\n  listen: 127.0.0.1:0\n  servers:\n   - 127.0.0.1:${port}:1\n${lines.map((line) => `  ${line}\n`).join("")}`;

describe("it serves", () => {
  test("each pool on its port, named on stderr, with its own servers", async () => {
    const backends = [await startNumberedBackend(opened, 1), await startNumberedBackend(opened, 2)];
    const proxy = await startProxy(opened, pool("a", backends[0]!) + pool("b", backends[1]!));
    expect(proxy.process.stderr).toMatch(/^listening on 127\.0\.0\.1:\d+\nlistening on 127\.0\.0\.1:\d+$/m);
    const answers = [];
    for (const port of proxy.ports()) {
      answers.push(await ask(opened.add(await connect(port))));
    }
    expect(answers).toEqual(["1", "2"]);
  });

  test("-p holds the process id while it runs, and a Unix socket has its permissions and goes at the end", async () => {
    const backend = await startNumberedBackend(opened, 7);
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const path = join(folder.path, "s");
    const pidFile = join(folder.path, "pid");
    const config = `a:\n  listen: ${path} 0600\n  servers:\n   - 127.0.0.1:${backend}:1\n`;
    const proxy = await startProxy(opened, config, ["-p", pidFile], { kind: "unix", path });
    await eventually(() => existsSync(pidFile));
    expect(readFileSync(pidFile, "utf8")).toBe(`${proxy.process.pid}\n`);
    expect(await proxy.process.stop()).toEqual({ code: 0, signal: null });
    expect([existsSync(pidFile), existsSync(path)]).toEqual([false, false]);
  });

  test("the stats port says nutcracker's fields, counted", async () => {
    const backend = await startNumberedBackend(opened, 7);
    const proxy = await startProxy(opened, pool("a", backend, "client_connections: 5"), ["-s", "-1"]);
    const client = opened.add(await connect(proxy.ports()[0]!));
    await ask(client);
    const port = Number(/^statistics on 127\.0\.0\.1:(\d+)$/m.exec(proxy.process.stderr)?.[1]);
    const stats = JSON.parse(await readAll(port));
    expect(stats).toMatchObject({ service: "nutcracker", curr_connections: 1 });
    expect(stats.a).toMatchObject({ client_connections: 1 });
    expect(stats.a[`127.0.0.1:${backend}`]).toMatchObject({ requests: 1, responses: 1, server_connections: 1 });
  });

  test("a stats port that is taken is an error when it was asked for", async () => {
    const taken = opened.add(await spawnHolder());
    const { code, stderr } = await run(pool("a", 1), ["-s", String(taken.port)]);
    expect([code, stderr]).toEqual([
      1,
      `marugoto-proxy: cannot listen on 127.0.0.1:${taken.port} for stats: EADDRINUSE\n`,
    ]);
  });

  test("-d leaves a process that serves, and ends when it does", async () => {
    const backend = await startNumberedBackend(opened, 3);
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const pidFile = join(folder.path, "pid");
    const port = await freePort();
    const config = pool("a", backend).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const { code, stderr } = await run(config, ["-d", "-s", "0", "-p", pidFile, "-o", join(folder.path, "log")]);
    expect([code, stderr]).toEqual([0, ""]);
    const pid = Number(readFileSync(pidFile, "utf8"));
    opened.defer(() => {
      if (existsSync(pidFile)) process.kill(pid, "SIGKILL");
    });
    const client = opened.add(await connect(port));
    expect(await ask(client)).toBe("3");
    expect(readFileSync(join(folder.path, "log"), "utf8")).toMatch(
      new RegExp(`Z listening pool=a endpoint=127.0.0.1:${port}\n`),
    );
    process.kill(pid, "SIGTERM");
    await eventually(() => !existsSync(pidFile));
  });
});

describe("a change of the file", () => {
  test("is used at once, by clients that are connected, without a lost connection", async () => {
    const backends = [await startNumberedBackend(opened, 1), await startNumberedBackend(opened, 2)];
    const proxy = await startProxy(opened, pool("a", backends[0]!));
    const client = opened.add(await connect(proxy.ports()[0]!));
    expect(await ask(client)).toBe("1");
    replace(proxy.file, pool("a", backends[1]!));
    await eventually(async () => (await ask(client)) === "2");
    await eventually(() => proxy.log().includes("reloaded why=file kept=a"));
  });

  test("that is wrong is logged, and what was goes on; SIGHUP tells it again", async () => {
    const backend = await startNumberedBackend(opened, 1);
    const proxy = await startProxy(opened, pool("a", backend));
    const client = opened.add(await connect(proxy.ports()[0]!));
    replace(proxy.file, pool("a", backend, "hashh: md5"));
    const failures = () => proxy.log().filter((line) => line.startsWith("reload-failed "));
    await eventually(() => failures().length === 1);
    expect(failures()[0]).toBe(
      `reload-failed why=file reason=${JSON.stringify(`${proxy.file}:5: a.hashh is not a key; did you mean "hash"?`)}`,
    );
    proxy.process.signal("SIGHUP");
    await eventually(() => failures().length === 2);
    expect(failures()[1]).toMatch(/^reload-failed why=SIGHUP /);
    expect(await ask(client)).toBe("1");
  });

  test("adds pools and takes them away", async () => {
    const backends = [await startNumberedBackend(opened, 1), await startNumberedBackend(opened, 2)];
    const proxy = await startProxy(opened, pool("a", backends[0]!));
    const port = await freePort();
    const second = pool("b", backends[1]!).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    replace(proxy.file, pool("a", backends[0]!) + second);
    const client = opened.add(await eventually(() => connect(port)));
    expect(await ask(client)).toBe("2");
    replace(proxy.file, pool("a", backends[0]!));
    const isRefused = (error: unknown) => String(error).includes("ECONNREFUSED");
    await eventually(() =>
      connect(port).then(async (connection) => {
        await connection.close();
        return false;
      }, isRefused),
    );
    expect(await ask(opened.add(await connect(proxy.ports()[0]!)))).toBe("1");
  });
});

describe("the log", () => {
  test("tells why a server went out of use, how it came back, and why the file was loaded", async () => {
    const server = opened.add(await spawnMarugotoServer());
    const link = opened.add(await startFaultProxy(server.port));
    const keys = ["server_failure_limit: 1", "server_retry_timeout: 100"];
    const proxy = await startProxy(opened, pool("a", link.port, ...keys));
    const client = opened.add(await connect(proxy.ports()[0]!));
    expect(await client.ask("set k 0 0 1\r\nv")).toBe("STORED");
    const has = (line: RegExp) => eventually(() => proxy.log().some((written) => line.test(written)));
    link.refuse = true;
    link.cut();
    await eventually(async () => (await client.ask("touch k 0")).startsWith("SERVER_ERROR "));
    const name = `pool=a server=127\\.0\\.0\\.1:${link.port}`;
    await has(new RegExp(`^server-out ${name} code=connection_lost reason="127\\.0\\.0\\.1:${link.port}: .+"$`));
    link.heal();
    await has(new RegExp(`^server-back ${name} way=fenced outMs=\\d+ fencedKeys=0$`));
    await eventually(async () => (await client.ask("touch k 0")) === "TOUCHED");
    proxy.process.signal("SIGHUP");
    await has(/^reloaded why=SIGHUP kept=a$/);
  });
});

describe("it ends", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("with code 0 within a second of %s, clients or not", async (signal) => {
    const backend = await startNumberedBackend(opened, 1);
    const proxy = await startProxy(opened, pool("a", backend));
    const idle = opened.add(await connect(proxy.ports()[0]!));
    await ask(idle);
    const half = opened.add(await connect(proxy.ports()[0]!));
    half.send("set half 0 0 1000\r\nonly this");
    expect(await proxy.process.stop(signal, 1000)).toEqual({ code: 0, signal: null });
  });
});

describe("a wrong start is one line, a code other than 0, and nothing has listened", () => {
  test.each([
    [["-Z"], /^marugoto-proxy: -Z is not a flag; -h lists them\n$/],
    [["-c", "/nowhere/c.yml"], /^marugoto-proxy: \/nowhere\/c\.yml: there is no such file\n$/],
    [[], /^marugoto-proxy: conf\/nutcracker\.yml: there is no such file; name one with -c\n$/],
    [
      ["-o", "/nowhere/log"],
      /^marugoto-proxy: -o \/nowhere\/log: ENOENT: no such file or directory, open '\/nowhere\/log'\n$/,
    ],
  ])("%j", async (args, message) => {
    const { code, stderr } = await runProxy(opened, args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test("a process id that can't be saved: nothing has listened", async () => {
    const port = await freePort();
    const config = pool("a", 1).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const { code, stderr } = await run(config, ["-p", "/nowhere/pid"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^marugoto-proxy: -p \/nowhere\/pid: ENOENT[^\n]*\n$/)]);
  });

  test("a wrong file", async () => {
    const port = await freePort();
    const config = pool("a", 1, "timeout: soon").replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const { code, stderr, file } = await run(config);
    expect([code, stderr]).toEqual([
      1,
      `marugoto-proxy: ${file}:5: a.timeout is "soon"; it must be a whole number of milliseconds\n`,
    ]);
    await expect(connect(port)).rejects.toThrow("ECONNREFUSED");
  });

  test("a port that is taken: no other pool listens", async () => {
    const taken = opened.add(await spawnHolder());
    const port = await freePort();
    const first = pool("a", 1).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const { code, stderr } = await run(first + pool("b", 1).replace("127.0.0.1:0", `127.0.0.1:${taken.port}`));
    expect([code, stderr]).toEqual([1, `marugoto-proxy: cannot listen on 127.0.0.1:${taken.port}: EADDRINUSE\n`]);
    await expect(connect(port)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("commands", () => {
  const posts = `posts:
  listen: 127.0.0.1:0
  placement: phpMemcache
  servers: [127.0.0.1:7600, 127.0.0.1:7602, 127.0.0.1:7603]
`;

  test("-t says that a file is right, or all that is wrong with it", async () => {
    const right = await run(posts, ["-t"]);
    expect([right.code, right.stderr]).toEqual([
      0,
      `marugoto-proxy: configuration file '${right.file}' syntax is ok\n`,
    ]);
    const wrong = await run(`${posts}  hash_tag: x\n  redis: true\n`, ["-t"]);
    expect([wrong.code, wrong.stderr.split("\n").length]).toEqual([1, 3]);
  });

  test("where names the server of each key", async () => {
    const { code, stdout } = await run(posts, ["where", "a", "b", "c"]);
    expect([code, stdout]).toEqual([0, "a  127.0.0.1:7603\nb  127.0.0.1:7600\nc  127.0.0.1:7603\n"]);
  });

  test("plan counts what a new file moves, on the keys of a file", async () => {
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const [old, next, keys] = ["old", "new", "keys"].map((name) => join(folder.path, name));
    writeFileSync(old!, posts);
    writeFileSync(next!, posts.replace(", 127.0.0.1:7603", ""));
    writeFileSync(keys!, "a\nb\nc\n");
    const { code, stdout } = await runProxy(opened, ["plan", old!, next!, "--keys", keys!]);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toBe("pool posts: 66.7 % of the keys move (2 of 3)");
  });

  test("plan --recover tells what a failure and the return do", async () => {
    const { code, stdout } = await run(posts, ["plan", "--recover", "127.0.0.1:7603", "--like", "phpMemcache"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^PHP Memcache, consistent, crc32: 127\.0\.0\.1:7600, /);
    expect(stdout).toContain("What to do");
  });

  test("-h, -V and -D print and end with 0", async () => {
    for (const [flag, first] of Object.entries({
      "-h": /^marugoto-proxy /,
      "-V": /^marugoto-proxy \d/,
      "-D": /^pool stats:/,
    })) {
      const { code, stdout } = await runProxy(opened, [flag]);
      expect([code, stdout]).toEqual([0, expect.stringMatching(first)]);
    }
  });
});

describe("the built file", () => {
  const nodes = [process.execPath, "/usr/bin/node", "/usr/local/bin/node"].filter((path) => existsSync(path));

  test.each(nodes)("alone in an empty folder it starts on %s", async (node) => {
    const folder = mkdtempSync(join(tmpdir(), "mrg-alone-"));
    opened.defer(() => rmSync(folder, { recursive: true }));
    copyFileSync(builtApp("proxy"), join(folder, "main.js"));
    const backend = await startNumberedBackend(opened, 4);
    writeFileSync(join(folder, "c.yml"), pool("a", backend));
    const args = [join(folder, "main.js"), "-c", "c.yml", "-s", "0"];
    const proxy = opened.add(await spawnServer({ command: node, args, cwd: folder, ready: "port-file" }));
    const client = opened.add(await connect(proxy.port));
    expect(await ask(client)).toBe("4");
  });
});

const memcached = useOracle("memcached", "the binary before a real memcached");

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test("values go through it, there and back", async () => {
    const server = opened.add(await spawnMemcached());
    const proxy = await startProxy(opened, pool("a", server.port));
    const client = opened.add(await connect(proxy.ports()[0]!));
    expect(await client.ask("set k 5 0 5\r\nhello")).toBe("STORED");
    client.send("get k\r\n");
    expect(await client.readUntil("END\r\n")).toBe("VALUE k 5 5\r\nhello\r\nEND\r\n");
    expect(await client.ask("delete k")).toBe("DELETED");
  });
});

/** The number of the backend that answers. */
async function ask(client: TestConnection): Promise<string> {
  client.send("get key\r\n");
  const answer = await client.readUntil(/^(END|[A-Z_]*ERROR.*)\r\n/m);
  return answer.split("\r\n")[1] ?? answer;
}

/** Puts a file in the place of another, as editors do. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** Runs the binary with a file of its own, to its end. */
async function run(
  config: string,
  args: readonly string[] = [],
): Promise<Awaited<ReturnType<typeof runProxy>> & { file: string }> {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const file = join(folder.path, "c.yml");
  writeFileSync(file, config);
  const stats = args.includes("-s") ? [] : ["-s", "0"];
  const ended = await within(10_000, runProxy(opened, ["-c", file, ...stats, ...args]), "it did not end");
  return { ...ended, file };
}

/** Something that has taken a port. */
async function spawnHolder(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** All that a port says before it closes. */
function readAll(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    dial({ host: "127.0.0.1", port })
      .setEncoding("utf8")
      .on("data", (chunk: string) => (text += chunk))
      .on("end", () => resolve(text))
      .on("error", reject);
  });
}

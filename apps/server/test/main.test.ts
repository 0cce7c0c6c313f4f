// The built binary as a child process: how it starts, tells where it listens, and ends.

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  appCommand,
  Cleanup,
  connect,
  eventually,
  freePort,
  readPortFile,
  spawnServer,
  temporaryFolder,
  type ServerProcess,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";

const opened = new Cleanup();
afterEach(() => opened.run());

const app = appCommand("server");

/** Starts the binary with `args` and waits until it has written its port, unless `ready` says otherwise. */
async function start(args: string[], ready: "port-file" | "none" = "port-file", env = {}): Promise<ServerProcess> {
  return opened.add(await spawnServer({ command: app.command, args: [...app.args, ...args], ready, env }));
}

function folder(): string {
  const made = temporaryFolder();
  opened.defer(made.remove);
  return made.path;
}

describe("it tells where it listens", () => {
  test("-p -1 takes a free port, writes the port file and one line on stderr", async () => {
    const server = await start(["-p", "-1"]);
    await eventually(() => server.stderr === `listening on 127.0.0.1:${server.port}\n`);
    const client = opened.add(await connect(server.port));
    expect(await client.ask("version")).toMatch(/^VERSION 1\.6\.\d+/);
  });

  test("without -l it takes no address but 127.0.0.1", async () => {
    const server = await start(["-p", "-1"]);
    await expect(connect({ kind: "tcp", host: "127.0.0.2", port: server.port })).rejects.toThrow("ECONNREFUSED");
  });

  test("each -l is listened on", async () => {
    const server = await start(["-p", "-1", "-l", "127.0.0.1", "-l", "127.0.0.2"]);
    await eventually(() => server.stderr.split("\n").length === 3);
    for (const [, host = "", port] of server.stderr.matchAll(/^listening on ([\d.]+):(\d+)$/gm)) {
      const client = opened.add(await connect({ kind: "tcp", host, port: Number(port) }));
      expect(await client.ask("get nothing")).toBe("END");
    }
  });

  test("-s makes a UNIX socket with the permissions of -a, and removes it at the end", async () => {
    const path = join(folder(), "m.sock");
    const server = await start(["-s", path, "-a", "0600"], "none");
    const client = opened.add(await eventually(() => connect({ kind: "unix", path })));
    expect(await client.ask("get nothing")).toBe("END");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await client.close();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(path)).toBe(false);
  });

  test("-P holds the process id while it runs", async () => {
    const path = join(folder(), "pid");
    const server = await start(["-p", "-1", "-P", path]);
    await eventually(() => existsSync(path));
    expect(readFileSync(path, "utf8")).toBe(`${server.pid}\n`);
    await server.stop();
    expect(existsSync(path)).toBe(false);
  });
});

describe("it ends", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("with code 0 within a second of %s, clients or not", async (signal) => {
    const server = await start(["-p", "-1"]);
    const idle = opened.add(await connect(server.port));
    await idle.ask("get nothing");
    const halfValue = opened.add(await connect(server.port));
    halfValue.send("set half 0 0 1000\r\nonly this");
    expect(await server.stop(signal, 1000)).toEqual({ code: 0, signal: null });
  });

  test("with code 0 after SIGUSR1, and a client still gets its answers", async () => {
    const server = await start(["-p", "-1"]);
    const client = opened.add(await connect(server.port));
    await client.ask("get nothing");
    server.signal("SIGUSR1");
    expect((await client.readToEnd()).toString()).toBe("");
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test.each([["shutdown"], ["shutdown graceful"]])("by `%s` when -A allows it", async (command) => {
    const server = await start(["-p", "-1", "-A"]);
    const client = opened.add(await connect(server.port));
    client.send(`${command}\r\n`);
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test("not by `shutdown` without -A, nor by SIGHUP", async () => {
    const server = await start(["-p", "-1"]);
    server.signal("SIGHUP");
    const client = opened.add(await connect(server.port));
    expect(await client.ask("shutdown")).toBe("SERVER_ERROR: shutdown not enabled");
    expect(await client.ask("get nothing")).toBe("END");
    expect(server.alive).toBe(true);
  });
});

describe("a start that fails is one line on stderr and a code that is not 0", () => {
  test.each([
    [["-p", "65536"], /^marugoto-server: -p is 65536, must be a whole number from -1 to 65535\n$/],
    [["-o", "ext_path=/x:1g"], /^marugoto-server: -o ext_path is not supported\n$/],
    [["-U", "11211"], /^marugoto-server: -U is 11211, must be 0: UDP is not supported\n$/],
    [
      ["-p", "-1", "-l", "127.0.0.1,198.51.100.7"],
      /^marugoto-server: cannot listen on 198\.51\.100\.7:0: EADDRNOTAVAIL\n$/,
    ],
  ])("%j", async (args, line) => {
    const portFile = join(folder(), "port");
    const server = await start(args, "none", { MEMCACHED_PORT_FILENAME: portFile });
    const { code } = await server.exited;
    expect(code).toBeGreaterThan(0);
    expect(server.stderr).toMatch(line);
    expect(existsSync(portFile)).toBe(false);
  });

  test("a port in use", async () => {
    const first = await start(["-p", "-1"]);
    const second = await start(["-p", String(first.port)], "none");
    expect((await second.exited).code).toBeGreaterThan(0);
    expect(second.stderr).toBe(`marugoto-server: cannot listen on 127.0.0.1:${first.port}: EADDRINUSE\n`);
  });

  test.skipIf(process.getuid?.() !== 0)("a user that doesn't exist", async () => {
    const server = await start(["-p", "-1", "-u", "nobody-of-that-name"], "none");
    expect((await server.exited).code).toBeGreaterThan(0);
    expect(server.stderr).toContain("marugoto-server: -u is nobody-of-that-name: there is no such user\n");
  });
});

describe("what it prints and exits with", () => {
  test.each([
    [["-V"], /^marugoto-server \d+\.\d+\.\d+\n$/],
    [["-h"], /^marugoto-server \d+\.\d+\.\d+\n-p, --port=<num> /],
    [["-p", "0", "-h"], /^marugoto-server /],
  ])("%j goes to stdout, with code 0", async (args, text) => {
    const server = await start(args, "none");
    expect(await server.exited).toEqual({ code: 0, signal: null });
    await eventually(() => text.test(server.stdout));
    expect(server.stderr).toBe("");
  });

  test("-t says once that one thread serves", async () => {
    const server = await start(["-p", "-1", "-t", "4"]);
    await eventually(() => server.stderr.includes("listening"));
    expect(server.stderr.match(/-t 4: one thread serves all clients/g)).toHaveLength(1);
  });

  test("-vv prints connections and commands", async () => {
    const server = await start(["-p", "-1", "-vv"]);
    const client = opened.add(await connect(server.port));
    await client.ask("get some-key");
    await client.close();
    await eventually(() => /^<1 new client [\s\S]*^<1 get some-key$[\s\S]*^<1 closed: client$/m.test(server.stderr));
  });
});

describe.skipIf(process.getuid?.() !== 0)("-u, started by root", () => {
  test("serves as that user", async () => {
    const server = await start(["-p", "-1", "-u", "nobody"]);
    await eventually(() => {
      const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
      return /^Uid:\t(\d+)\t\1\t\1/m.exec(status)?.[1] !== "0" && !/^Groups:.*\b0\b/m.test(status);
    });
    const client = opened.add(await connect(server.port));
    expect(await client.ask("get nothing")).toBe("END");
  });
});

describe("-d", () => {
  /** Ends the daemon that wrote its id to `pidFile`. */
  const endDaemon = (pidFile: string) => {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  };

  test("returns 0 once a detached process listens, whose id is in -P", async () => {
    const place = folder();
    const [pidFile, portFile] = [join(place, "pid"), join(place, "port")];
    opened.defer(() => endDaemon(pidFile));
    const starter = await start(["-d", "-p", "-1", "-P", pidFile], "none", { MEMCACHED_PORT_FILENAME: portFile });
    expect(await starter.exited).toEqual({ code: 0, signal: null });
    const client = opened.add(await connect(readPortFile(portFile) ?? 0));
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(pid).not.toBe(starter.pid);
    client.send("stats\r\n");
    expect(await client.readUntil("END\r\n")).toContain(`STAT pid ${pid}\r\n`);
    process.kill(pid, "SIGTERM");
    await eventually(() => !existsSync(pidFile));
  });

  test("a daemon that can't listen is told by the one that started it", async () => {
    const other = await start(["-p", "-1"]);
    const starter = await start(["-d", "-p", String(other.port)], "none");
    expect((await starter.exited).code).toBeGreaterThan(0);
    expect(starter.stderr).toBe(`marugoto-server: cannot listen on 127.0.0.1:${other.port}: EADDRINUSE\n`);
  });
});

test("the file alone in an empty folder starts", async () => {
  if (app.args.length > 1) return; // It runs from its sources: there is no one file.
  const place = folder();
  const alone = join(place, "main.mjs");
  writeFileSync(alone, readFileSync(app.args[0] ?? ""));
  const port = await freePort();
  const server = await spawnServer({
    command: app.command,
    args: [alone, "-p", String(port)],
    cwd: place,
    ready: { kind: "tcp", host: "127.0.0.1", port },
  });
  opened.add(server);
  const client = opened.add(await connect(port));
  expect(await client.ask("get nothing")).toBe("END");
});

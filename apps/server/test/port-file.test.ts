import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { writePortFile } from "../src/port-file.ts";

const folder = temporaryFolder();
afterEach(() => {
  folder.remove();
});

test("one row per port, IPv6 marked, UNIX sockets left out", () => {
  const path = join(folder.path, "ports");
  writePortFile(
    path,
    [
      { kind: "tcp", host: "127.0.0.1", port: 11211 },
      { kind: "tcp", host: "::1", port: 11212 },
      { kind: "unix", path: "/run/x" },
    ],
    [{ kind: "tcp", host: "127.0.0.1", port: 11213 }],
  );
  expect(readFileSync(path, "utf8")).toBe("TCP INET: 11211\nTCP INET6: 11212\nUDP INET: 11213\n");
  expect(existsSync(`${path}.lck`)).toBe(false);
});

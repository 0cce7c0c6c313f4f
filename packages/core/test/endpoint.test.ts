import { describe, expect, test } from "vitest";
import { formatEndpoint, parseEndpoint } from "../src/index.ts";

describe("addresses", () => {
  test.each([
    ["localhost", { kind: "tcp", host: "localhost", port: 11211 }, "localhost:11211"],
    ["127.0.0.1:8000", { kind: "tcp", host: "127.0.0.1", port: 8000 }, "127.0.0.1:8000"],
    ["[::1]:8000", { kind: "tcp", host: "::1", port: 8000 }, "[::1]:8000"],
    ["[fe80::1]", { kind: "tcp", host: "fe80::1", port: 11211 }, "[fe80::1]:11211"],
    ["::1", { kind: "tcp", host: "::1", port: 11211 }, "[::1]:11211"],
    ["/run/m.sock", { kind: "unix", path: "/run/m.sock" }, "/run/m.sock"],
    ["unix:///run/m.sock", { kind: "unix", path: "/run/m.sock" }, "/run/m.sock"],
    ["unix:/run/m.sock", { kind: "unix", path: "/run/m.sock" }, "/run/m.sock"],
  ])("%s", (text, endpoint, formatted) => {
    expect(parseEndpoint(text, 11211)).toEqual(endpoint);
    expect(formatEndpoint(parseEndpoint(text, 11211))).toBe(formatted);
  });

  test.each(["", "host:", ":80", "host:port", "host:70000", "a b:1", "[::1", "[::1]x"])("%j is refused", (text) => {
    expect(() => parseEndpoint(text, 11211)).toThrow(expect.objectContaining({ code: "invalid_endpoint" }) as Error);
  });
});

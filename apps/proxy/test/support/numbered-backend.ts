// A memcached that knows nothing but its own number: it answers every get with it. Who asks it learns where a key went.

import { createServer, type Socket } from "node:net";
import type { Cleanup } from "@marugoto/testing";

/** @returns its port on 127.0.0.1 */
export async function startNumberedBackend(opened: Cleanup, number: number): Promise<number> {
  const sockets = new Set<Socket>();
  const value = String(number);
  const server = createServer((socket) => {
    sockets.add(socket);
    let rest = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\r\n");
      rest = lines.pop() ?? "";
      socket.write(lines.map((line) => answer(line, value)).join(""), "latin1");
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return address.port;
}

function answer(line: string, value: string): string {
  const [command = "", ...keys] = line.split(" ").filter((word) => word !== "");
  if (command === "version") return "VERSION 1.6.45\r\n";
  if (command !== "get" && command !== "gets") return "ERROR\r\n";
  const cas = command === "gets" ? " 1" : "";
  return `${keys.map((key) => `VALUE ${key} 0 ${value.length}${cas}\r\n${value}\r\n`).join("")}END\r\n`;
}

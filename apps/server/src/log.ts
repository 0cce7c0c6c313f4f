// How the server's events read on stderr. Which of them are printed depends on -v; what is printed always is what an
// operator must see: where it listens, and what failed.

import { formatEndpoint } from "@marugoto/core";
import type { Server } from "@marugoto/server";
import type { Settings } from "./settings.ts";

/** Prints one line on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Errors as one line: the message of whatever was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Subscribes to a server's events. `verbosity` follows the server's `verbosity` command. */
export function logEvents(events: Server["events"], verbosity: number): void {
  let level = verbosity;
  const from = (least: number, line: string) => {
    if (level >= least) say(line);
  };
  events.on("listening", ({ endpoint }) => from(0, `listening on ${formatEndpoint(endpoint)}`));
  events.on("error", ({ what, error }) => from(0, `${what}: ${reason(error)}`));
  events.on("rejected", ({ maxConnections }) => from(1, `refused a client: -c allows ${maxConnections} connections`));
  events.on("shutdown", ({ graceful }) => from(1, graceful ? "shutdown graceful" : "shutdown"));
  events.on("verbosity", (event) => {
    level = event.level;
  });
  events.on("connected", ({ id, remote }) => from(2, `<${id} new client ${remote}`));
  events.on("request", ({ id, line }) => from(2, `<${id} ${line}`));
  events.on("disconnected", ({ id, reason: why }) => from(2, `<${id} closed: ${why}`));
}

/** What an operator should know about flags that were taken but change little or nothing. */
export function logSettings({ threads, withoutEffect, verbosity }: Settings): void {
  if (threads !== undefined && threads > 1) say(`-t ${threads}: one thread serves all clients`);
  if (withoutEffect.length > 0 && verbosity > 0) say(`-o ${withoutEffect.join(",")}: no effect here`);
}

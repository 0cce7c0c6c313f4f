// How replication's events read on stderr. With -v they are repcached's own lines where it had one; what an operator must
// see is printed always, in words of ours.

import { appendFile } from "node:fs";
import { formatEndpoint } from "@marugoto/core";
import type { Replication } from "@marugoto/replication";
import { reason, say } from "./log.ts";

/** Subscribes to the events. `verbosity`: `-v` counted. */
export function logReplication({ events }: Replication, verbosity: number): void {
  const repcached = (line: string) => {
    if (verbosity > 0) say(`replication: ${line}`);
  };
  const ours = (least: number, line: string) => {
    if (verbosity >= least) say(`replication: ${line}`);
  };
  events.on("listening", ({ host, port }) => {
    ours(0, `listening on ${formatEndpoint({ kind: "tcp", host, port })}`);
    repcached("listen");
  });
  events.on("listenRefused", ({ host, port, error }) => {
    const where = formatEndpoint({ kind: "tcp", host, port });
    ours(0, `${where} can't be listened on, and is tried again on takeover: ${reason(error)}`);
  });
  events.on("dialing", ({ peer }) => {
    repcached(`connect (peer=${peer})`);
  });
  events.on("linked", ({ direction }) => {
    if (direction === "in") repcached("accept");
  });
  events.on("self", ({ peer }) => {
    ours(0, `${peer} is this node itself; name the other one`);
  });
  events.on("refused", ({ peer, reason: why }) => {
    ours(1, `${peer} was refused: ${why}`);
  });
  events.on("role", ({ from, to, epoch, reason: why, tookMs }) => {
    ours(0, `${from} -> ${to}, epoch ${epoch}${tookMs > 0 ? `, after ${tookMs.toFixed(1)} ms` : ""}: ${why}`);
  });
  events.on("copyStarted", ({ direction }) => {
    repcached(direction === "in" ? "marugoto copying" : "marugoto start");
  });
  events.on("copyEnded", ({ direction, items, bytes, tookMs }) => {
    if (direction === "in") {
      repcached("start");
    } else {
      repcached(`marugoto ${items}`);
      repcached("marugoto owari");
    }
    ours(2, `${items} items, ${bytes} bytes copied in ${tookMs.toFixed(0)} ms`);
  });
  events.on("resumed", ({ peer, bytes }) => {
    ours(1, `${peer} goes on after ${bytes} bytes`);
  });
  events.on("unlinked", ({ peer, reason: why }) => {
    repcached("close");
    ours(1, `${peer} is gone: ${why}`);
  });
  events.on("behind", ({ peer }) => {
    ours(1, `${peer} is behind: answers no longer wait for it`);
  });
  events.on("inStep", ({ peer }) => {
    ours(2, `${peer} is in step`);
  });
  events.on("merged", ({ peer, taken, discarded }) => {
    ours(0, `merged with ${peer}: ${taken} writes taken, ${discarded} given up`);
  });
  events.on("error", ({ what, error }) => {
    ours(0, `${what}: ${reason(error)}`);
  });
}

/** Appends each write that a merge gave up to a file: `{"time", "key", "value"}`, base64 where it is not UTF-8. */
export function recordDiscarded({ events }: Replication, path: string): void {
  let hasFailed = false;
  events.on("discarded", ({ key, value, timeMs }) => {
    const row = { time: new Date(timeMs).toISOString(), ...shown("key", key), ...(value && shown("value", value)) };
    appendFile(path, `${JSON.stringify(row)}\n`, (error) => {
      if (error !== null && !hasFailed) say(`--discarded-writes: ${error.message}`);
      hasFailed = error !== null;
    });
  });
}

function shown(name: string, bytes: Buffer): Readonly<Record<string, string>> {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? { [name]: text } : { [`${name}Base64`]: bytes.toString("base64") };
}

/** What the coordinator says. */
export function logCoordinator({ options: { coordinator } }: Replication): void {
  coordinator?.events.on("reachable", ({ reachable, reason: why }) => {
    say(reachable ? "replication: the coordinator answers" : `replication: the coordinator can't be reached: ${why}`);
  });
  coordinator?.events.on("lost", ({ reason: why }) => {
    say(`replication: the lease is lost, writes are refused: ${why}`);
  });
}

#!/usr/bin/env node
// marugoto-server: arguments → options → create → listen → signals. What a cache does is in @marugoto/server.

import { setFlagsFromString } from "node:v8";
import { createReplication, rehearse } from "@marugoto/replication";
import { createServer, type Server } from "@marugoto/server";
import { announce } from "./announce.ts";
import { parseArgs } from "./args.ts";
import { isDaemon, reportStart, startDaemon } from "./daemonize.ts";
import { helpText } from "./help.ts";
import { logEvents, logSettings, reason, say } from "./log.ts";
import { toServerOptions } from "./options.ts";
import { logCoordinator, logReplication, recordDiscarded } from "./replication-log.ts";
import { toReplicationOptions } from "./replication-options.ts";
import type { Settings } from "./settings.ts";
import { endOnSignals } from "./signals.ts";
import { userToBecome } from "./user.ts";
import { VERSION_LINE } from "./version.ts";

// A reader of the log that has gone away must not end the cache.
process.stderr.on("error", () => undefined);

// The heap for young objects stays at its first size. Left alone it grows to tens of megabytes under bursts and never
// shrinks, for a program whose hot commands make next to none (50 fuzzing clients: 160 MB resident against 110).
setFlagsFromString("--semi-space-growth-factor=1");

// What has been compiled stays: code that a takeover runs would be thrown away for not having been run for a while.
setFlagsFromString("--no-flush-bytecode");

async function main(args: readonly string[]): Promise<void> {
  const settings = parseArgs(args);
  if (settings.show === "help") console.log(helpText(VERSION_LINE));
  else if (settings.show === "version") console.log(VERSION_LINE);
  else if (settings.daemon && !isDaemon()) process.exitCode = await startDaemon(args, settings.verbosity > 0);
  else await serve(settings);
}

async function serve(settings: Settings): Promise<void> {
  const options = toReplicationOptions(settings);
  const replication = options && createReplication(options);
  const server: Server = createServer(toServerOptions(settings), replication?.hooks);
  const becomeUser = userToBecome(settings.user);
  logSettings(settings);
  logEvents(server.events, settings.verbosity);
  const atEnd: (() => void)[] = [];
  const ending = endOnSignals({ server, replication, atEnd, verbosity: settings.verbosity });
  if (replication !== undefined) {
    logReplication(replication, settings.verbosity);
    logCoordinator(replication);
    const { discardedFile } = settings.replication;
    if (discardedFile !== undefined) recordDiscarded(replication, discardedFile);
    // Clients come after the first copy, or when there is nobody to copy from.
    if (!(await ending.orDone(replication.start(server)))) return;
  }
  const endpoints = await server.listen();
  atEnd.push(await announce(settings, endpoints));
  becomeUser();
  if (isDaemon()) await reportStart({});
  if (options !== undefined && options.repcached !== true) await rehearse();
}

// No top-level await: a listener may be open already, and nothing may keep a server alive that could not start.
main(process.argv.slice(2)).catch(async (error: unknown) => {
  const failure = `marugoto-server: ${reason(error).split("\n", 1)[0] ?? ""}`;
  if (isDaemon()) await reportStart({ failure });
  else say(failure);
  process.exit(1);
});

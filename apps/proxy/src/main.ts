#!/usr/bin/env node
// marugoto-proxy: arguments → configuration → create → listen → signals. What a proxy does is in @marugoto/proxy.

import { createProxy } from "@marugoto/proxy";
import { formatEndpoint } from "@marugoto/core";
import { parseArgs } from "./args.ts";
import { watchConfigFile } from "./config-file.ts";
import { isDaemon, reportStart, startDaemon } from "./daemonize.ts";
import { helpText, statsText } from "./help.ts";
import { LiveConfig } from "./live-config.ts";
import { logEvents } from "./log-events.ts";
import { Level, Log, reason, say } from "./log.ts";
import { checkPidFile, writePidFile } from "./pid-file.ts";
import { writePortFile } from "./port-file.ts";
import { plan, testConfig, where } from "./preview.ts";
import type { Settings } from "./settings.ts";
import { endOnSignals, reloadOnSignals } from "./signals.ts";
import { openStats } from "./stats.ts";
import { PROTOCOL_VERSION, VERSION_LINE } from "./version.ts";

// A reader of the log that has gone away must not end the proxy.
process.stderr.on("error", () => undefined);

async function main(args: readonly string[]): Promise<void> {
  const settings = parseArgs(args);
  if (settings.show === "help") console.log(helpText(VERSION_LINE));
  else if (settings.show === "version") console.log(VERSION_LINE);
  else if (settings.show === "stats") console.log(statsText());
  else if (settings.testOnly) test(settings);
  else if (settings.command !== undefined)
    console.log((settings.command === "where" ? where : plan)(settings).join("\n"));
  else if (settings.daemon && !isDaemon()) process.exitCode = await startDaemon(args);
  else await serve(settings);
}

function test(settings: Settings): void {
  const problems = testConfig(settings);
  for (const problem of problems) say(`marugoto-proxy: ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
  if (problems.length === 0) say(`marugoto-proxy: configuration file '${settings.configFile}' syntax is ok`);
}

async function serve(settings: Settings): Promise<void> {
  const { configFile, logFile, verbosity, pidFile } = settings;
  const log = new Log(logFile, verbosity);
  if (pidFile !== undefined) checkPidFile(pidFile);
  const live = new LiveConfig(configFile, log);
  const proxy = createProxy(await live.start(), { version: PROTOCOL_VERSION });
  const atEnd: (() => void)[] = [];
  logEvents(proxy.events, log);
  endOnSignals(proxy, atEnd);
  await openStats(settings, proxy.stats, log);
  const endpoints = await proxy.listen();
  live.attach(proxy);
  reloadOnSignals(live, log);
  const reload = () => void live.reload("file");
  atEnd.push(watchConfigFile(configFile, reload));
  // It may have changed since it was read.
  reload();
  const portFile = process.env.MEMCACHED_PORT_FILENAME;
  if (portFile !== undefined && portFile !== "") writePortFile(portFile, endpoints);
  if (pidFile !== undefined) atEnd.push(writePidFile(pidFile));
  for (const endpoint of endpoints) say(`listening on ${formatEndpoint(endpoint)}`);
  if (settings.withoutEffect.length > 0) log.write(Level.info, "no-effect", { flags: settings.withoutEffect });
  if (isDaemon()) await reportStart({});
}

// No top-level await: a listener may be open already, and nothing may keep a proxy alive that could not start.
main(process.argv.slice(2)).catch(async (error: unknown) => {
  const failure = `marugoto-proxy: ${reason(error)}`;
  if (isDaemon()) await reportStart({ failure });
  else say(failure);
  process.exit(1);
});

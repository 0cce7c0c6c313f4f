// Everything that is neither a lookup nor a change of one item: flush_all, version, verbosity, stats, limits, the
// crawler's dumps, shutdown, and the commands that tune what this server has no need to have tuned.

import { SystemClock, toExpiry } from "@marugoto/core";
import { Command, Lines, writeVersion, type TextRequest } from "@marugoto/protocol";
import { Count } from "../counters.ts";
import type { Session } from "../session.ts";
import { executeStats } from "../stats/stats.ts";
import { executeDump } from "./dump.ts";

const MAX_VERBOSITY = 2;
const MEGABYTE = 1024 * 1024;

export function executeControl(session: Session, request: TextRequest): void {
  const { output, core } = session;
  switch (request.command) {
    case Command.flushAll:
      reply(session, request, flushAll(session, request));
      return;
    case Command.version:
      output.reserve(core.options.version.length + 16);
      output.at = writeVersion(output.buffer, output.at, core.options.version);
      return;
    case Command.verbosity: {
      const level = request.argUint32(0);
      if (level === undefined) {
        output.line(Lines.badFormat);
        return;
      }
      core.verbosity = Math.min(level, MAX_VERBOSITY);
      core.events.emit("verbosity", { level: core.verbosity });
      reply(session, request, Lines.ok);
      return;
    }
    case Command.quit:
      session.stopAndClose();
      return;
    case Command.stats:
      executeStats(session, request);
      return;
    case Command.cacheMemlimit:
      reply(session, request, memlimit(session, request));
      return;
    case Command.shutdown:
      shutdown(session, request);
      return;
    case Command.lruCrawler:
      lruCrawler(session, request);
      return;
    case Command.slabs:
      // There are no pages to move between classes: the same answers as memcached with -o no_slab_reassign.
      reply(session, request, slabs(request));
      return;
    case Command.watch:
      output.line(Lines.watchNotAllowed);
      return;
    case Command.debugtime:
      output.line(core.options.debugCommands ? debugtime(session, request) : Lines.error);
      return;
    default:
      // lru and refresh_certs: what memcached says without its LRU maintainer, and built without TLS.
      reply(session, request, Lines.error);
  }
}

function reply(session: Session, request: TextRequest, line: Buffer): void {
  if (!request.noreply) session.output.line(line);
}

function flushAll(session: Session, request: TextRequest): Buffer {
  const { core } = session;
  core.counts[Count.cmd_flush]!++;
  if (!core.options.flushEnabled) return Lines.flushNotAllowed;
  const delay = request.exptime;
  const now = core.clock.seconds;
  const at = delay > 0 ? toExpiry(delay, core.clock) : now;
  core.store.flush(at);
  core.oldestLive = at - 1;
  core.flushed(at > now ? at : 0);
  return Lines.ok;
}

function memlimit(session: Session, request: TextRequest): Buffer {
  const { core } = session;
  const megabytes = request.argUint32(0);
  if (megabytes === undefined) return Lines.error;
  if (megabytes < 8) return Lines.memlimitTooSmall;
  if (megabytes > 1_000_000_000) return Lines.memlimitNotMegabytes;
  const bytes = megabytes * MEGABYTE;
  if (bytes < core.options.maxItemBytes * 2 || !core.store.setMaxBytes(bytes)) return Lines.memlimitOutOfBounds;
  core.memoryBytes = bytes;
  return Lines.ok;
}

function shutdown(session: Session, request: TextRequest): void {
  const { core, output } = session;
  if (!core.options.shutdownEnabled) {
    output.line(Lines.shutdownNotEnabled);
    return;
  }
  const mode = request.text(0);
  if (request.argCount > 1 || (mode !== "" && mode !== "graceful")) {
    output.line(Lines.invalidShutdownMode);
    return;
  }
  session.stopAndClose();
  core.events.emit("shutdown", { graceful: mode === "graceful" });
}

/** Reclaiming needs no crawler here, so its switches are accepted and only the dumps do something. */
function lruCrawler(session: Session, request: TextRequest): void {
  const { core } = session;
  const words = request.argCount - (request.noreply ? 1 : 0);
  const word = request.text(0);
  if (words === 2 && (word === "metadump" || word === "mgdump")) {
    executeDump(session, request);
    return;
  }
  reply(session, request, crawlerSwitch(core.counts, request, words, word));
}

function crawlerSwitch(counts: Float64Array, request: TextRequest, words: number, word: string): Buffer {
  if (words === 1) return word === "enable" || word === "disable" ? Lines.ok : Lines.error;
  if (words !== 2) return Lines.error;
  const number = request.argUint32(1);
  switch (word) {
    case "crawl":
      if (!/^(all|hash|\d+(,\d+)*)$/.test(request.text(1))) return Lines.crawlerBadClass;
      counts[Count.lru_crawler_starts]!++;
      return Lines.ok;
    case "tocrawl":
      return number === undefined ? Lines.badFormat : Lines.ok;
    case "sleep":
      if (number === undefined) return Lines.badFormat;
      return number > 1_000_000 ? Lines.crawlerSleep : Lines.ok;
    default:
      return Lines.error;
  }
}

function slabs(request: TextRequest): Buffer {
  const word = request.text(0);
  if (word === "reassign" && request.argCount === 3) return Lines.slabReassignDisabled;
  if (word !== "automove" || request.argCount < 2) return Lines.error;
  const level = request.argUint32(1);
  if (level === undefined) return Lines.badFormat;
  if (level > 2) return Lines.error;
  return level === 0 ? Lines.ok : Lines.slabReassignDisabled;
}

/** For tests: moves the clock by n seconds, or holds it with `p` and lets it go with `r`. */
function debugtime(session: Session, request: TextRequest): Buffer {
  const { clock } = session.core;
  if (!(clock instanceof SystemClock)) return Lines.error;
  const word = request.text(0);
  if (word === "p") {
    clock.pause();
  } else if (word === "r") {
    clock.resume();
  } else {
    const seconds = request.argInt32(0);
    if (seconds === undefined) return Lines.error;
    clock.shift(seconds);
  }
  return Lines.ok;
}

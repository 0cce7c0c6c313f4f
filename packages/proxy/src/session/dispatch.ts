// What a request is, and where it goes: on to the server of its key as it came, split over several, or answered here.

import { isCacheError } from "@marugoto/core";
import { Expect } from "@marugoto/client";
import { Command, Lines, type RequestError, RequestErrors, type TextRequest } from "@marugoto/protocol";
import { answerCluster, isClusterKey, isConfigGet } from "../discovery/questions.ts";
import { DetourRequest } from "../recovery/detour-request.ts";
import { NodeCount, type Node } from "../routing/node.ts";
import { statsAnswer } from "../stats/stats-answer.ts";
import { errorLine } from "./error-lines.ts";
import { fittingReplies } from "./fitting-replies.ts";
import { flushAll } from "./flush-all.ts";
import type { Session } from "./session.ts";
import { Show, type Slot } from "./slot.ts";

const NOOP = Buffer.from("mn\r\n", "latin1");
const NOTHING = Buffer.alloc(0);
const CRLF = Buffer.from("\r\n", "latin1");

/** For lines that are not sent on as they came. */
let scratch = Buffer.allocUnsafeSlow(4096);

/** Sees to the answer of a request. Its slot is in the client's queue, or it has been answered, when this returns. */
export function dispatch(session: Session, request: TextRequest): void {
  switch (request.command) {
    case Command.get:
    case Command.gets:
    case Command.gat:
    case Command.gats:
      retrieve(session, request);
      return;
    case Command.metaGet:
    case Command.metaDelete:
    case Command.metaArithmetic:
    case Command.metaSet:
    case Command.metaDebug:
      forwardMeta(session, request);
      return;
    case Command.set:
    case Command.add:
    case Command.replace:
    case Command.append:
    case Command.prepend:
    case Command.cas:
    case Command.delete:
    case Command.incr:
    case Command.decr:
    case Command.touch:
      forward(session, request);
      return;
    case Command.metaNoop:
      session.answer(Lines.metaNoop);
      return;
    case Command.version:
      session.answer(Buffer.from(`VERSION ${session.core.version}\r\n`, "latin1"));
      return;
    case Command.verbosity:
      if (!request.noreply) session.answer(Lines.ok);
      return;
    case Command.quit:
      session.end();
      return;
    case Command.flushAll:
      flushAll(session, request);
      return;
    case Command.stats:
      session.answer(statsAnswer(request.text(0), session.core, session.pool));
      return;
    case Command.watch:
      session.answer(Lines.watchNotAllowed);
      return;
    default:
      // What steers one server has no meaning for a pool of them.
      if (!request.noreply) session.answer(Lines.error);
  }
}

/** Looks at a line that is no request. @returns true when it has been answered */
export function dispatchUnknown(session: Session, error: RequestError, request: TextRequest): boolean {
  if (error !== RequestErrors.unknownCommand) return false;
  if (!isConfigGet(request.input, request.lineStart, request.lineEnd)) return false;
  return answerDiscovery(session, "config");
}

/** @returns false when the pool does not answer such questions */
function answerDiscovery(session: Session, form: "config" | "get"): boolean {
  const { core, pool, socket } = session;
  const answer = answerCluster(pool.config, form, core.generation, socket.local);
  if (answer !== undefined) session.answer(answer);
  return answer !== undefined;
}

function retrieve(session: Session, request: TextRequest): void {
  const { pool } = session;
  const { input, keyCount, keyStart, keyEnd } = request;
  pool.counts.keysRead += keyCount;
  if (pool.hotKeys.isDue(keyCount)) {
    const k = 2 * pool.hotKeys.pick(keyCount);
    pool.hotKeys.add(input, request.keyOffsets[k]!, request.keyOffsets[k + 1]!, pool.backend.now());
  }
  if (keyCount > 1) {
    retrieveMany(session, request);
    return;
  }
  if (isClusterKey(input, keyStart, keyEnd) && answerDiscovery(session, "get")) return;
  const node = pool.owner(input, keyStart, keyEnd);
  if (request.command !== Command.get || !node.isDirect) {
    send(session, request, node, input, request.lineStart, request.lineEnd, Show.all, Expect.one);
    return;
  }
  const leader = pool.flights.find(input, keyStart, keyEnd);
  const slot = takeSlot(session, node, Show.all);
  slot.isGet = true;
  slot.keepKey(input, keyStart, keyEnd);
  slot.deadlineMs = pool.deadlineMs();
  slot.inFlight = true;
  if (pool.leases !== undefined) {
    slot.isLeased = true;
    if (pool.leases.wait(slot)) return;
  }
  if (leader !== null) {
    node.counts[NodeCount.shared]!++;
    slot.follow(leader);
    return;
  }
  slot.isFlight = true;
  slot.fitting = fittingReplies(Command.get);
  pool.flights.add(slot);
  sendSlot(slot, input, request.lineStart, request.lineEnd, Expect.one);
}

/** Asks once more for the key of a get that has waited. */
export function resend(slot: Slot): void {
  const { session, key, keyBytes } = slot;
  const pool = slot.pool!;
  if (session === null) {
    slot.land();
    return;
  }
  const node = pool.owner(key, 0, keyBytes);
  slot.node = node;
  const leader = pool.flights.find(key, 0, keyBytes);
  slot.deadlineMs = pool.deadlineMs();
  if (node.isDirect && leader !== null) {
    node.counts[NodeCount.shared]!++;
    slot.follow(leader);
    return;
  }
  const words = ["get", slot.keyText()];
  if (node.isDirect) {
    slot.isFlight = true;
    slot.fitting = fittingReplies(Command.get);
    pool.flights.add(slot);
    const line = Buffer.from(`${words.join(" ")}\r\n`, "latin1");
    sendSlot(slot, line, 0, line.length, Expect.one);
    return;
  }
  const options = { expect: Expect.one, deadlineMs: slot.deadlineMs };
  void pool.detours.take(node, new DetourRequest(Command.get, words[1]!, words, NOTHING, options)).then((answer) => {
    slot.answerWhole(answer);
  });
}

function retrieveMany(session: Session, request: TextRequest): void {
  const { pool } = session;
  const slot = session.core.slots.take();
  slot.pool = pool;
  slot.inFlight = true;
  session.enqueue(slot);
  session.core.joins.take().start(pool, slot, request);
}

function forward(session: Session, request: TextRequest): void {
  const { input, buffer, keyStart, keyEnd, lineStart, lineEnd } = request;
  const node = session.pool.owner(buffer, keyStart, keyEnd);
  const hasValue = request.valueBytes >= 0;
  const expect = hasValue ? Expect.block : Expect.one;
  const end = hasValue ? request.valueEnd + 2 : lineEnd;
  if (!request.noreply) {
    send(session, request, node, input, lineStart, end, Show.all, expect);
    return;
  }
  // Its server answers, and the proxy keeps that to itself: so its loss is noticed, and answers stay matched to requests.
  const lineLength = lengthWithoutNoreply(input, lineStart, lineEnd);
  const length = lineLength + 2 + end - lineEnd;
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(2 * length);
  input.copy(scratch, 0, lineStart, lineStart + lineLength);
  CRLF.copy(scratch, lineLength);
  input.copy(scratch, lineLength + 2, lineEnd, end);
  send(session, request, node, scratch, 0, length, Show.nothing, expect);
}

function forwardMeta(session: Session, request: TextRequest): void {
  const { input, buffer, keyStart, keyEnd, lineStart, lineEnd } = request;
  const { pool } = session;
  if (request.command === Command.metaGet) {
    pool.counts.keysRead++;
    if (pool.hotKeys.isDue(1)) pool.hotKeys.add(buffer, keyStart, keyEnd, pool.backend.now());
  }
  const node = pool.owner(buffer, keyStart, keyEnd);
  const hasValue = request.valueBytes >= 0;
  const block = hasValue ? Expect.block : Expect.one;
  const end = hasValue ? request.valueEnd + 2 : lineEnd;
  if (request.command === Command.metaDebug || !request.noreply) {
    send(session, request, node, input, lineStart, end, Show.all, block);
    return;
  }
  // Which answers q hides is the server's to know; the MN behind them tells that there will be none.
  const length = end - lineStart + NOOP.length;
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(2 * length);
  input.copy(scratch, 0, lineStart, end);
  NOOP.copy(scratch, end - lineStart);
  send(session, request, node, scratch, 0, length, Show.butNoop, block | Expect.noop);
}

/** Sends `bytes[start, end)` to the server of the request's key. */
function send(
  session: Session,
  request: TextRequest,
  node: Node,
  bytes: Buffer,
  start: number,
  end: number,
  show: Show,
  expect: number,
): void {
  const { pool } = session;
  const slot = takeSlot(session, node, show);
  const { buffer, keyStart, keyEnd } = request;
  const deadlineMs = pool.deadlineMs();
  slot.deadlineMs = deadlineMs;
  slot.inFlight = true;
  slot.isWrite = isWrite(request.command);
  slot.isGet = isRetrieval(request.command);
  slot.fitting = fittingReplies(request.command);
  slot.keepKey(buffer, keyStart, keyEnd);
  if (slot.isWrite) {
    pool.flights.remove(buffer, keyStart, keyEnd);
  }
  if (node.isDirect) {
    sendSlot(slot, bytes, start, end, expect);
    return;
  }
  const detour = DetourRequest.of(request, bytes, start, end, { expect, deadlineMs });
  void pool.detours.take(node, detour).then((answer) => {
    if (slot.isWrite) pool.leases?.written(detour.key);
    slot.answerWhole(answer);
  });
}

function takeSlot(session: Session, node: Node, show: Show): Slot {
  const slot = session.core.slots.take();
  slot.pool = session.pool;
  slot.node = node;
  slot.show = show;
  session.enqueue(slot);
  return slot;
}

/** Sends `bytes[start, end)` to the server of a slot, on the connection of its key. */
function sendSlot(slot: Slot, bytes: Buffer, start: number, end: number, expect: number): void {
  const pool = slot.pool!;
  const node = slot.node!;
  const link = pool.connections === 1 ? node.index : pool.linkOf(node, slot.key, 0, slot.keyBytes);
  try {
    pool.send(node, link, bytes, start, end, slot, slot.deadlineMs, expect);
    slot.sentBytes = end - start;
  } catch (error) {
    if (!isCacheError(error)) throw error;
    pool.counts.forwardErrors++;
    slot.fail(errorLine(error));
  }
}

function isRetrieval(command: Command): boolean {
  return command === Command.get || command === Command.gets || command === Command.gat || command === Command.gats;
}

/** Whether it may change the value of its key. */
function isWrite(command: Command): boolean {
  switch (command) {
    case Command.get:
    case Command.gets:
    case Command.gat:
    case Command.gats:
    case Command.touch:
    case Command.metaGet:
    case Command.metaDebug:
      return false;
    default:
      return true;
  }
}

/** Length of the line without ` noreply`, its last word, and without what ends it. */
function lengthWithoutNoreply(input: Buffer, start: number, end: number): number {
  let i = end;
  while (input[i - 1]! <= 0x20) i--;
  i -= "noreply".length;
  while (input[i - 1] === 0x20) i--;
  return i - start;
}

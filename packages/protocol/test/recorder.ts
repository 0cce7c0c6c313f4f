// What the tests share: feeding chunks to a parser as a connection would, and writing down what the handler was told in
// a form that does not depend on how the bytes were cut.

import {
  Command,
  commandInfo,
  Reply,
  TextRequestParser,
  TextResponseParser,
  Verdict,
  type RequestHandler,
  type RequestParserOptions,
  type ResponseHandler,
  type ResponseParserOptions,
  type TextRequest,
  type TextResponse,
} from "../src/index.ts";

export const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** Feeds chunks, keeping what isn't consumed; checks that `consumed` stays within what was passed. */
export function feed(chunks: readonly Buffer[], parse: (buffer: Buffer, start: number, end: number) => number): Buffer {
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of chunks) {
    // Offsets other than 0, and bytes around the input that must not be looked at.
    const all = Buffer.concat([Buffer.from("\n\r\n"), rest, chunk, Buffer.from("\n\r\nget outside\r\n")]);
    const start = 3;
    const end = start + rest.length + chunk.length;
    const consumed = parse(all, start, end);
    if (consumed < start || consumed > end) throw new Error(`consumed ${consumed} of [${start}, ${end})`);
    rest = all.subarray(consumed, end);
  }
  return rest;
}

export const halves = (whole: Buffer, at: number): Buffer[] => [whole.subarray(0, at), whole.subarray(at)];
export const singles = (whole: Buffer): Buffer[] => Array.from(whole, (_, i) => whole.subarray(i, i + 1));

const hex = (high: number, low: number) => high.toString(16) + ":" + low.toString(16);

/** Everything a request says, as one line. */
export function describeRequest(r: TextRequest, value?: string): string {
  const name = commandInfo(r.command)?.name ?? "unknown";
  const parts = [name];
  const family = commandInfo(r.command)?.family;
  if (family === "retrieval") {
    for (let i = 0; i < r.keyCount; i++)
      parts.push(r.input.toString("latin1", r.keyOffsets[2 * i], r.keyOffsets[2 * i + 1]));
    if (r.command === Command.gat || r.command === Command.gats) parts.push(`exptime=${r.exptime}`);
    return parts.join(" ");
  }
  if (family === "control" || family === "information") {
    for (let i = 0; i < r.argCount; i++) parts.push(r.text(i));
    if (r.command === Command.flushAll) parts.push(`delay=${r.exptime}`);
  } else if (r.command !== Command.metaNoop) {
    parts.push(r.keyText());
  }
  if (family === "storage") parts.push(`flags=${r.flags}`, `exptime=${r.exptime}`);
  if (r.command === Command.touch) parts.push(`exptime=${r.exptime}`);
  if (r.command === Command.cas) parts.push(`cas=${hex(r.casHigh, r.casLow)}`);
  if (family === "arithmetic") parts.push(`delta=${hex(r.deltaHigh, r.deltaLow)}`);
  if (family === "meta" && r.command !== Command.metaNoop && r.command !== Command.metaDebug) {
    parts.push(`raw=${r.input.toString("latin1", r.rawKeyStart, r.rawKeyEnd)}`, `mask=${r.metaFlags}`);
    for (let i = 0; i < r.flagCount; i++) parts.push(r.input.toString("latin1", r.flagStart(i), r.flagEnd(i)));
    if (r.opaqueEnd > r.opaqueStart) parts.push(`opaque=${r.input.toString("latin1", r.opaqueStart, r.opaqueEnd)}`);
  }
  if (value !== undefined) parts.push(`value=${value}`);
  if (r.noreply) parts.push("quiet");
  return parts.join(" ");
}

/** A handler that writes events down; `verdicts` may answer by the number of the call. */
export function requestRecorder(
  events: string[],
  verdict: (call: number) => Verdict = () => Verdict.CONTINUE,
): RequestHandler {
  let pieces = "";
  let calls = 0;
  const answer = (event: string): Verdict => {
    const said = verdict(calls++);
    if (said !== Verdict.HOLD) events.push(event);
    return said;
  };
  return {
    onRequest: (r) =>
      answer(describeRequest(r, r.valueBytes >= 0 ? r.input.toString("latin1", r.valueStart, r.valueEnd) : undefined)),
    onValueStart: () => {
      pieces = "";
      return Verdict.CONTINUE;
    },
    onValuePiece: (buffer, start, end) => {
      pieces += buffer.toString("latin1", start, end);
    },
    onValueEnd: (r, terminated) =>
      answer(
        terminated
          ? describeRequest(r, pieces)
          : `error CLIENT_ERROR bad data chunk${r.noreply && r.command !== Command.metaSet ? " quiet" : ""}`,
      ),
    onError: (error, quiet) =>
      answer(`error ${error.line.toString("latin1").trimEnd()}${error.close ? " close" : ""}${quiet ? " quiet" : ""}`),
  };
}

/** Events of a client's bytes, cut as given. */
export function requestEvents(chunks: readonly Buffer[], options: RequestParserOptions = {}): string[] {
  const events: string[] = [];
  const parser = new TextRequestParser(options);
  const handler = requestRecorder(events);
  feed(chunks, (buffer, start, end) => parser.parse(buffer, start, end, handler));
  return events;
}

const replyName = new Map<number, string>(Object.entries(Reply).map(([name, code]) => [code, name]));

/** Everything an answer says, as one line. */
export function describeResponse(r: TextResponse, value?: string): string {
  const parts = [replyName.get(r.reply) ?? "?"];
  switch (r.reply) {
    case Reply.value:
      parts.push(r.keyText(), `flags=${r.flags}`);
      if (r.hasCas) parts.push(`cas=${hex(r.casHigh, r.casLow)}`);
      break;
    case Reply.number:
      parts.push(hex(r.numberHigh, r.numberLow));
      break;
    case Reply.stat:
    case Reply.metaDebug:
      parts.push(r.keyText(), r.text());
      break;
    case Reply.version:
    case Reply.row:
    case Reply.refused:
    case Reply.error:
    case Reply.clientError:
    case Reply.serverError:
      parts.push(r.text());
      break;
    case Reply.metaValue:
    case Reply.metaHit:
    case Reply.metaMiss:
    case Reply.metaNotFound:
    case Reply.metaNotStored:
    case Reply.metaExists:
      for (let i = 0; i < r.flagCount; i++) {
        parts.push(r.input.toString("latin1", r.flagOffsets[2 * i], r.flagOffsets[2 * i + 1]));
      }
      parts.push(`mask=${r.metaFlags}`);
      break;
    default:
  }
  if (value !== undefined) parts.push(`value=${value}`);
  return parts.join(" ");
}

export function responseRecorder(
  events: string[],
  verdict: (call: number) => Verdict = () => Verdict.CONTINUE,
): ResponseHandler {
  let pieces = "";
  let calls = 0;
  const answer = (event: string): Verdict => {
    const said = verdict(calls++);
    if (said !== Verdict.HOLD) events.push(event);
    return said;
  };
  return {
    onResponse: (r) =>
      answer(describeResponse(r, r.valueBytes >= 0 ? r.input.toString("latin1", r.valueStart, r.valueEnd) : undefined)),
    onValueStart: () => {
      pieces = "";
      return Verdict.CONTINUE;
    },
    onValuePiece: (buffer, start, end) => {
      pieces += buffer.toString("latin1", start, end);
    },
    onValueEnd: (r) => answer(describeResponse(r, pieces)),
    onViolation: (expected) => {
      events.push(`violation: ${expected}`);
    },
  };
}

export function responseEvents(chunks: readonly Buffer[], options: ResponseParserOptions = {}): string[] {
  const events: string[] = [];
  const parser = new TextResponseParser(options);
  const handler = responseRecorder(events);
  feed(chunks, (buffer, start, end) => parser.parse(buffer, start, end, handler));
  return events;
}

// A thin layer over both parsers for tests, tools and whoever prefers objects to speed: bytes in, messages out. Every
// message owns its memory. Servers, clients and proxies use the parsers themselves.

import { Command, commandInfo, type CommandName } from "./command.ts";
import { MetaFlag, Verdict, type RequestHandler, type TextRequest } from "./request.ts";
import { MetaReplyFlag, Reply, type ResponseHandler, type TextResponse } from "./response.ts";
import type { RequestError } from "./text/request-errors.ts";
import { TextRequestParser, type RequestParserOptions } from "./text/request-parser.ts";
import { TextResponseParser, type ResponseParserOptions } from "./text/response-parser.ts";

/** A parsed request, or what was wrong with one. Only fields that the command has are present. */
export type RequestMessage = Request | RequestFault;

export interface Request {
  readonly kind: "request";
  readonly command: CommandName;
  /** The keys, decoded; empty for commands without. */
  readonly keys: readonly Buffer[];
  readonly noreply: boolean;
  readonly flags?: number;
  readonly exptime?: number;
  readonly cas?: bigint;
  readonly delta?: bigint;
  readonly value?: Buffer;
  /** The flags of a meta command as sent, in order, e.g. `["v", "T30"]`. */
  readonly metaFlags?: readonly string[];
  /** M of ms and ma, normalised: `S A P E R`, `I D`. */
  readonly mode?: string;
  /** Tokens behind the word of a command that has no key. */
  readonly args?: readonly string[];
}

export interface RequestFault {
  readonly kind: "error";
  /** What to answer, without CRLF; "" for nothing. */
  readonly line: string;
  readonly close: boolean;
  /** noreply was understood: nothing is answered. */
  readonly quiet: boolean;
}

/** A parsed answer. Only fields that the reply has are present. */
export interface Response {
  readonly reply: keyof typeof Reply;
  readonly key?: Buffer;
  readonly flags?: number;
  readonly cas?: bigint;
  readonly value?: Buffer;
  readonly number?: bigint;
  readonly text?: string;
  /** Flags of a meta answer in order, e.g. `["s5", "W"]`. */
  readonly metaFlags?: readonly string[];
}

/** Bytes of the stream are no answer; nothing can follow. */
export interface Violation {
  readonly reply: "violation";
  readonly expected: string;
}

const toBigInt = (high: number, low: number) => (BigInt(high) << 32n) | BigInt(low);
const copy = (bytes: Buffer, start: number, end: number) => Buffer.from(bytes.subarray(start, end));
const replyNames = Object.fromEntries(Object.entries(Reply).map(([name, code]) => [code, name])) as Record<
  Reply,
  keyof typeof Reply
>;

/** Keeps what a parser didn't consume and puts the next chunk behind it. */
class Rest {
  #bytes: Buffer = Buffer.alloc(0);

  feed(chunk: Uint8Array, parse: (bytes: Buffer) => number): void {
    const bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = bytes.subarray(parse(bytes));
  }
}

/** Chunks of a client's bytes to requests. */
export class RequestReader {
  readonly #parser: TextRequestParser;
  readonly #rest = new Rest();
  #pieces: Buffer[] = [];
  #closed = false;

  constructor(options: RequestParserOptions = {}) {
    this.#parser = new TextRequestParser(options);
  }

  /** Returns what the chunk completed. After a message with `close`, everything is ignored. */
  push(chunk: Uint8Array): RequestMessage[] {
    const messages: RequestMessage[] = [];
    if (this.#closed) return messages;
    const handler: RequestHandler = {
      onRequest: (r) => {
        messages.push(toRequest(r, r.valueBytes >= 0 ? copy(r.input, r.valueStart, r.valueEnd) : undefined));
        return Verdict.CONTINUE;
      },
      onValueStart: () => {
        this.#pieces = [];
        return Verdict.CONTINUE;
      },
      onValuePiece: (bytes, start, end) => {
        this.#pieces.push(copy(bytes, start, end));
      },
      onValueEnd: (r, terminated) => {
        if (terminated) messages.push(toRequest(r, Buffer.concat(this.#pieces)));
        else {
          const quiet = r.noreply && r.command !== Command.metaSet;
          messages.push({ kind: "error", line: "CLIENT_ERROR bad data chunk", close: false, quiet });
        }
        return Verdict.CONTINUE;
      },
      onError: (error: RequestError, quiet) => {
        messages.push({ kind: "error", line: error.line.toString("latin1").trimEnd(), close: error.close, quiet });
        if (!error.close) return Verdict.CONTINUE;
        this.#closed = true;
        return Verdict.STOP;
      },
    };
    this.#rest.feed(chunk, (bytes) => this.#parser.parse(bytes, 0, bytes.length, handler));
    return messages;
  }
}

function toRequest(r: TextRequest, value: Buffer | undefined): Request {
  const info = commandInfo(r.command);
  if (info === undefined) throw new TypeError(`no command has the code ${r.command}`);
  const base = {
    kind: "request",
    command: info.name,
    keys: [copy(r.buffer, r.keyStart, r.keyEnd)],
    noreply: r.noreply,
  } as const;
  switch (info.family) {
    case "retrieval": {
      const keys = Array.from({ length: r.keyCount }, (_, i) =>
        copy(r.input, r.keyOffsets[2 * i]!, r.keyOffsets[2 * i + 1]!),
      );
      const touches = r.command === Command.gat || r.command === Command.gats;
      return { ...base, keys, ...(touches && { exptime: r.exptime }) };
    }
    case "storage": {
      const cas = r.command === Command.cas ? { cas: toBigInt(r.casHigh, r.casLow) } : {};
      return { ...base, flags: r.flags, exptime: r.exptime, ...cas, value: value! };
    }
    case "removal":
      return base;
    case "arithmetic":
      return { ...base, delta: toBigInt(r.deltaHigh, r.deltaLow) };
    case "touch":
      return { ...base, exptime: r.exptime };
    case "meta":
      return { ...base, ...metaFields(r), ...(value && { value }) };
    case "control":
    case "information": {
      const args = r.command === Command.quit ? [] : Array.from({ length: r.argCount }, (_, i) => r.text(i));
      return { ...base, keys: [], args, ...(r.command === Command.flushAll && { exptime: r.exptime }) };
    }
  }
}

function metaFields(r: TextRequest): Partial<Request> {
  if (r.command === Command.metaNoop) return { keys: [] };
  if (r.command === Command.metaDebug) return { metaFlags: (r.metaFlags & MetaFlag.b) !== 0 ? ["b"] : [] };
  const metaFlags = Array.from({ length: r.flagCount }, (_, i) =>
    r.input.toString("latin1", r.flagStart(i), r.flagEnd(i)),
  );
  const hasMode = r.command === Command.metaSet || r.command === Command.metaArithmetic;
  const delta = r.command === Command.metaArithmetic ? { delta: toBigInt(r.deltaHigh, r.deltaLow) } : {};
  return { metaFlags, ...(hasMode && { mode: String.fromCharCode(r.mode) }), ...delta };
}

/** Chunks of a server's bytes to answers. */
export class ResponseReader {
  readonly #parser: TextResponseParser;
  readonly #rest = new Rest();
  #pieces: Buffer[] = [];

  constructor(options: ResponseParserOptions = {}) {
    this.#parser = new TextResponseParser(options);
  }

  /** Returns what the chunk completed. After a violation, everything is ignored. */
  push(chunk: Uint8Array): (Response | Violation)[] {
    const messages: (Response | Violation)[] = [];
    if (this.#parser.broken) return messages;
    const handler: ResponseHandler = {
      onResponse: (r) => {
        messages.push(toResponse(r, r.valueBytes >= 0 ? copy(r.input, r.valueStart, r.valueEnd) : undefined));
        return Verdict.CONTINUE;
      },
      onValueStart: () => {
        this.#pieces = [];
        return Verdict.CONTINUE;
      },
      onValuePiece: (bytes, start, end) => {
        this.#pieces.push(copy(bytes, start, end));
      },
      onValueEnd: (r) => {
        messages.push(toResponse(r, Buffer.concat(this.#pieces)));
        return Verdict.CONTINUE;
      },
      onViolation: (expected) => {
        messages.push({ reply: "violation", expected });
      },
    };
    this.#rest.feed(chunk, (bytes) => this.#parser.parse(bytes, 0, bytes.length, handler));
    return messages;
  }
}

function toResponse(r: TextResponse, value: Buffer | undefined): Response {
  const reply = replyNames[r.reply];
  switch (r.reply) {
    case Reply.value: {
      const cas = r.hasCas ? { cas: toBigInt(r.casHigh, r.casLow) } : {};
      return { reply, key: copy(r.input, r.keyStart, r.keyEnd), flags: r.flags, ...cas, value: value! };
    }
    case Reply.number:
      return { reply, number: toBigInt(r.numberHigh, r.numberLow) };
    case Reply.stat:
    case Reply.metaDebug:
      return { reply, key: copy(r.input, r.keyStart, r.keyEnd), text: r.text() };
    case Reply.version:
    case Reply.row:
    case Reply.refused:
    case Reply.error:
    case Reply.clientError:
    case Reply.serverError:
      return { reply, text: r.text() };
    case Reply.metaValue:
    case Reply.metaHit:
    case Reply.metaMiss:
    case Reply.metaNotFound:
    case Reply.metaNotStored:
    case Reply.metaExists: {
      const metaFlags = Array.from({ length: r.flagCount }, (_, i) =>
        r.input.toString("latin1", r.flagOffsets[2 * i], r.flagOffsets[2 * i + 1]),
      );
      const cas = (r.metaFlags & MetaReplyFlag.c) !== 0 ? { cas: toBigInt(r.casHigh, r.casLow) } : {};
      const key = (r.metaFlags & MetaReplyFlag.k) !== 0 ? { key: copy(r.input, r.keyStart, r.keyEnd) } : {};
      return { reply, ...key, ...cas, ...(value && { value }), metaFlags };
    }
    default:
      return { reply };
  }
}

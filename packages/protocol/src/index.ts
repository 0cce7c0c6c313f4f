export { TextRequestParser, RequestScratch, type RequestParserOptions } from "./text/request-parser.ts";
export { MetaFlag, MetaMode, TextRequest, Verdict, type RequestHandler } from "./request.ts";
export { RequestErrors, type RequestError } from "./text/request-errors.ts";
export { Command, commandInfo, commands, type CommandFamily, type CommandInfo, type CommandName } from "./command.ts";
export { Lines } from "./text/lines.ts";
export {
  MAX_META_HEAD_BYTES,
  MAX_VALUE_HEAD_BYTES,
  MetaStatus,
  writeFlag,
  writeFlagBit,
  writeFlagInt32,
  writeFlagUint32,
  writeFlagUint64,
  writeMetaEcho,
  writeMetaKey,
  writeMetaStatus,
  writeMetaValue,
  writeNumberLine,
  writeOpaque,
  writeStat,
  writeValueHead,
  writeValueHeadWithCas,
  writeVersion,
} from "./text/response-writer.ts";
export { writeBytes, writeCrlf, writeLine, writeText } from "./text/bytes.ts";
export { writeInt32, writeUint32, writeUint64 } from "./text/decimal.ts";
export { parseInt32, parseUint32, parseUint64, type Uint64 } from "./text/numbers.ts";
export { decodeBase64, encodeBase64 } from "./text/base64.ts";

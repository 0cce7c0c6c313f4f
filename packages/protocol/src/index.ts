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
export { TextResponseParser, type ResponseParserOptions } from "./text/response-parser.ts";
export { MAX_REPLY_FLAGS, MetaReplyFlag, Reply, TextResponse, type ResponseHandler } from "./response.ts";
export {
  MAX_OPAQUE_BYTES,
  MAX_REQUEST_HEAD_BYTES,
  writeArithmetic,
  writeControl,
  writeDataBlock,
  writeDelete,
  writeFlagOpaque,
  writeFlushAll,
  writeGet,
  writeGetAndTouch,
  writeManyHead,
  writeManyTouchHead,
  writeMetaHead,
  writeMetaNoop,
  writeMetaSetHead,
  writeNextKey,
  writeStorageHead,
  writeTouch,
  type ArithmeticCommand,
  type MetaKeyCommand,
  type RetrievalCommand,
  type StorageCommand,
  type TouchingRetrievalCommand,
} from "./text/request-writer.ts";
export {
  RequestReader,
  ResponseReader,
  type Request,
  type RequestFault,
  type RequestMessage,
  type Response,
  type Violation,
} from "./messages.ts";

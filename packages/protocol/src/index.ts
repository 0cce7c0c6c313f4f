export { TextRequestParser, RequestScratch, type RequestParserOptions } from "./text/request-parser.ts";
export { MetaFlag, MetaMode, TextRequest, Verdict, type RequestHandler } from "./request.ts";
export { RequestErrors, type RequestError } from "./text/request-errors.ts";
export { Command, commandInfo, commands, type CommandFamily, type CommandInfo, type CommandName } from "./command.ts";

// What a client is told when its server can't be asked: twemproxy's words, which are strerror's, behind SERVER_ERROR.

import { isCacheError, type CacheError } from "@marugoto/core";

const line = (text: string): Buffer => Buffer.from(`SERVER_ERROR ${text}\r\n`, "latin1");

export const ErrorLines = {
  refused: line("Connection refused"),
  timedOut: line("Connection timed out"),
  reset: line("Connection reset by peer"),
  unreachable: line("No route to host"),
  noSuchFile: line("No such file or directory"),
  badAnswer: line("Bad message"),
  queueFull: line("proxy request queue is full"),
  noServer: line("no server is in use"),
  tooLarge: line("object too large for cache"),
  unknown: line("unknown"),
} as const;

/** The line for a failed try at a server. */
export function errorLine(error: CacheError | undefined): Buffer {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    switch ((cause as NodeJS.ErrnoException).code) {
      case "ECONNREFUSED":
        return ErrorLines.refused;
      case "ETIMEDOUT":
        return ErrorLines.timedOut;
      case "ECONNRESET":
      case "EPIPE":
        return ErrorLines.reset;
      case "EHOSTUNREACH":
      case "ENETUNREACH":
        return ErrorLines.unreachable;
      case "ENOENT":
        return ErrorLines.noSuchFile;
      case undefined:
        break;
    }
  }
  switch (isCacheError(error) ? error.code : undefined) {
    case "timeout":
      return ErrorLines.timedOut;
    case "connection_lost":
      return ErrorLines.reset;
    case "protocol_violation":
      return ErrorLines.badAnswer;
    case "queue_full":
      return ErrorLines.queueFull;
    case "no_server":
      return ErrorLines.noServer;
    default:
      return ErrorLines.unknown;
  }
}

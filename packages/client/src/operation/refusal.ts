// What the caller of a failed call hears.

import { CacheError } from "@marugoto/core";
import { Reply, type TextResponse } from "@marugoto/protocol";

/** @param reason the AbortSignal's */
export function abortedError(reason: unknown): CacheError {
  return new CacheError("aborted", "the call was aborted", { cause: reason });
}

/** What a server's refusal is to a caller. */
export function refusal(response: TextResponse, address: string): CacheError {
  const text = response.reply === Reply.error || response.reply >= Reply.clientError ? response.text() : "";
  switch (response.reply) {
    case Reply.error:
      return new CacheError("not_supported", `${address}: the server does not know the command (ERROR ${text})`.trim());
    case Reply.clientError:
      return new CacheError("client_error", `${address}: CLIENT_ERROR ${text}`);
    case Reply.serverError:
      return new CacheError(
        text.includes("too large") ? "value_too_large" : "server_error",
        `${address}: SERVER_ERROR ${text}`,
      );
    default:
      return new CacheError("protocol_violation", `${address}: an answer (kind ${response.reply}) of another command`);
  }
}

/** What a codec has thrown. */
export function asCacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CacheError("value_undecodable", message, { cause: error });
}

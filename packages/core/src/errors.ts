// The one error class of the project and its closed list of codes. Replies of the wire (NOT_FOUND, CLIENT_ERROR …)
// are data and never thrown; a parser of outside bytes returns its error, it doesn't throw it.

/** What callers switch on. A message may change between versions, a code may not. */
export type CacheErrorCode =
  | "key_too_long"
  | "key_invalid"
  | "value_too_large"
  | "value_undecodable"
  | "value_unencodable"
  | "out_of_memory"
  | "invalid_option"
  | "invalid_endpoint"
  | "invalid_size"
  | "address_in_use"
  | "listen_failed"
  | "connection_lost"
  | "timeout"
  | "closed"
  | "protocol_violation"
  | "not_supported"
  | "aborted"
  | "queue_full"
  | "no_server"
  | "server_disabled"
  | "server_dead"
  | "server_error"
  | "client_error"
  | "value_invalid";

const brand = Symbol.for("marugoto.CacheError");

/**
 * An error of this project. The message names the thing at fault and both numbers of a broken limit; `cause` keeps
 * the error below it.
 */
export class CacheError extends Error {
  readonly code: CacheErrorCode;

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CacheError";
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a CacheError of any installed copy of this package, where `instanceof` sees only its own. */
export function isCacheError(error: unknown): error is CacheError {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[brand] === true;
}

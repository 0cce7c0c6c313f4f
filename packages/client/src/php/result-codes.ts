// libmemcached's result codes, as Memcached::getResultCode() gives them, and what of ours they stand for.

import type { CacheError, CacheErrorCode } from "@marugoto/core";

export const ResultCode = {
  SUCCESS: 0,
  FAILURE: 1,
  CONNECTION_FAILURE: 3,
  WRITE_FAILURE: 5,
  PROTOCOL_ERROR: 8,
  CLIENT_ERROR: 9,
  SERVER_ERROR: 10,
  DATA_EXISTS: 12,
  NOTSTORED: 14,
  NOTFOUND: 16,
  NO_SERVERS: 20,
  NOT_SUPPORTED: 28,
  TIMEOUT: 31,
  BAD_KEY_PROVIDED: 33,
  SERVER_MARKED_DEAD: 35,
  E2BIG: 37,
  INVALID_ARGUMENTS: 38,
  SERVER_TEMPORARILY_DISABLED: 47,
  /** php-memcached's own: the value could not be read or written. */
  PAYLOAD_FAILURE: -1001,
} as const;

export type ResultCode = (typeof ResultCode)[keyof typeof ResultCode];

const messages: Record<ResultCode, string> = {
  0: "SUCCESS",
  1: "FAILURE",
  3: "CONNECTION FAILURE",
  5: "WRITE FAILURE",
  8: "PROTOCOL ERROR",
  9: "CLIENT ERROR",
  10: "SERVER ERROR",
  12: "CONNECTION DATA EXISTS",
  14: "NOT STORED",
  16: "NOT FOUND",
  20: "NO SERVERS DEFINED",
  28: "ACTION NOT SUPPORTED",
  31: "A TIMEOUT OCCURRED",
  33: "A BAD KEY WAS PROVIDED/CHARACTERS OUT OF RANGE",
  35: "SERVER IS MARKED DEAD",
  37: "ITEM TOO BIG",
  38: "INVALID ARGUMENTS",
  47: "SERVER HAS FAILED AND IS DISABLED UNTIL TIMED RETRY",
  [-1001]: "PAYLOAD FAILURE",
};

const byCode: Partial<Record<CacheErrorCode, ResultCode>> = {
  connection_lost: ResultCode.CONNECTION_FAILURE,
  protocol_violation: ResultCode.PROTOCOL_ERROR,
  client_error: ResultCode.CLIENT_ERROR,
  server_error: ResultCode.SERVER_ERROR,
  no_server: ResultCode.NO_SERVERS,
  not_supported: ResultCode.NOT_SUPPORTED,
  timeout: ResultCode.TIMEOUT,
  key_invalid: ResultCode.BAD_KEY_PROVIDED,
  key_too_long: ResultCode.BAD_KEY_PROVIDED,
  server_dead: ResultCode.SERVER_MARKED_DEAD,
  value_too_large: ResultCode.E2BIG,
  invalid_option: ResultCode.INVALID_ARGUMENTS,
  server_disabled: ResultCode.SERVER_TEMPORARILY_DISABLED,
  value_undecodable: ResultCode.PAYLOAD_FAILURE,
  value_unencodable: ResultCode.PAYLOAD_FAILURE,
};

/** The code that PHP would give for `error`; FAILURE for what has none. */
export function toResultCode(error: CacheError): ResultCode {
  return byCode[error.code] ?? ResultCode.FAILURE;
}

export function resultMessage(code: ResultCode): string {
  return messages[code];
}

// What a malformed request is answered, word for word as memcached does. Constants: nothing is built per error.

/** An answer to a request that cannot be executed. */
export interface RequestError {
  /** Bytes to send, CRLF included; empty: nothing. Never written to. */
  readonly line: Buffer;
  /** The connection cannot go on: framing is lost, or the other end isn't a memcached client. */
  readonly close: boolean;
}

const error = (text: string, close = false): RequestError =>
  Object.freeze({ line: Buffer.from(text === "" ? "" : `${text}\r\n`, "latin1"), close });

/** Every error of TextRequestParser. */
export const RequestErrors = {
  /** The command word is unknown. */
  unknownCommand: error("ERROR"),
  badFormat: error("CLIENT_ERROR bad command line format"),
  badDelete: error("CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"),
  badDataChunk: error("CLIENT_ERROR bad data chunk"),
  badExptime: error("CLIENT_ERROR invalid exptime argument"),
  badDelta: error("CLIENT_ERROR invalid numeric delta argument"),
  // ---- meta ----
  tooManyFlags: error("CLIENT_ERROR options flags are too long"),
  duplicateFlag: error("CLIENT_ERROR duplicate flag"),
  invalidFlag: error("CLIENT_ERROR invalid flag"),
  /** ma says this for any fault in its flags. */
  invalidOrDuplicateFlag: error("CLIENT_ERROR invalid or duplicate flag"),
  badKeyEncoding: error("CLIENT_ERROR error decoding key"),
  badToken: error("CLIENT_ERROR bad token in command line format"),
  badMetaInitial: error("CLIENT_ERROR invalid numeric initial value"),
  badMetaDelta: error("CLIENT_ERROR invalid numeric delta value"),
  opaqueTooLong: error("CLIENT_ERROR opaque token too long"),
  badSetMode: error("CLIENT_ERROR invalid mode for ms M token"),
  badArithmeticMode: error("CLIENT_ERROR invalid mode for ma M token"),
  // ---- the connection ends ----
  /** More than 2,048 bytes without LF that are no get or gets. */
  lineTooLong: error("", true),
  /** An unknown command whose last token starts with `HTTP/`: a browser, or worse. */
  http: error("", true),
} as const satisfies Record<string, RequestError>;

// What a conformance case is: pure data, a fact about the wire and the bytes that show it. The small language of its
// texts is in template.ts, the server it runs against in target.ts.

/** Sends and expects on one connection. */
export interface Exchange {
  /** A template; nothing is sent when it is left out. */
  readonly send?: string;
  /** Sent in separate writes, a moment apart, in place of `send`. */
  readonly parts?: readonly string[];
  /** A template of all that must come back, and nothing more. Default: nothing. */
  readonly expect?: string;
  /** Name of the connection; each name is opened at its first use. Default `main`. */
  readonly on?: string;
  /** The server closes the connection after `expect`. */
  readonly closes?: true;
  /** The request is not complete: don't ask the server whether it has answered all. */
  readonly more?: true;
}

/** A stretch of real time, for what only time can show. */
export interface Pause {
  readonly pauseMs: number;
}

/** `[send, expect]` on the main connection, or the long forms. */
export type Step = readonly [send: string, expect: string] | Exchange | Pause;

export interface Case {
  /** A fact. Unique in its family. */
  readonly name: string;
  readonly steps: readonly Step[];
  /** Flags the server must have been started with; a case without runs on a server without. */
  readonly flags?: readonly string[];
  /** It touches what other cases see (flush_all, counters, settings), so nothing may run beside it. */
  readonly alone?: true;
  /** It counts on a server that nothing was asked of before, so it is left out against a server that was running. */
  readonly fresh?: true;
}

/** The cases of one command family. */
export interface Family {
  readonly name: string;
  readonly cases: readonly Case[];
}

/**
 * Whose behaviour a server is measured by: our own, our own behind our proxy, or a version of memcached. The expectations
 * in the cases are those of memcached 1.6.45; `differences.ts` lists where another dialect answers otherwise.
 */
export type Dialect = "marugoto" | "proxy" | `${number}.${number}.${number}`;

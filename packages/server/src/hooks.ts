// The five places where a layer above the server takes part in its work. All are optional; a server without them pays
// one comparison each.

import type { TextRequest } from "@marugoto/protocol";
import type { Mutation } from "./mutation.ts";
import type { Session } from "./session.ts";
import type { StatRows } from "./stats/rows.ts";

/** Takes a request over: it is executed elsewhere, and its answer takes its place among the session's answers. */
export interface TakenOver {
  /**
   * Gets the request as it came, its value and line ends included, once that is whole; the bytes are its own.
   *
   * @returns the answer as it is to be sent, empty for none
   */
  readonly takeOver: (request: Buffer) => Promise<Buffer>;
}

/** What can be decided at once: go on, answer this text instead, or leave the request to somebody else. */
export type Decision = "run" | { readonly refuse: string } | TakenOver;

/** What `beforeExecute` decides; with `later` it decides when the promise settles, or is asked "again" then. */
export type Admission = Decision | { readonly later: Promise<Decision | "again"> };

export interface ServerHooks {
  /** Called in the tick of the change, after the store has it and before the client's answer leaves. */
  onMutation?(mutation: Mutation): void;
  /**
   * Asked before each request is executed. `refuse` is answered as one line, without `\r\n` in it. With `later` the
   * session parks: it executes and reads nothing more, and goes on in order once the promise settles; a rejection is
   * answered as `SERVER_ERROR`. A request that is taken over doesn't keep the session from going on with the next;
   * the hook holds that one back, by `later`, if it must see what the first one did.
   */
  beforeExecute?(request: TextRequest, session: Session): Admission;
  /**
   * Asked when answers are to leave, once for those of all sessions that were written in one pass of the event loop; for a
   * large one, and for a transport that is synchronous, by itself. They leave at once, or when the promise has settled.
   */
  beforeAnswers?(): undefined | Promise<void>;
  /** Adds rows to `stats <section>`; the section is "" for plain `stats`. True when the section is the hook's own. */
  addStats?(section: string, rows: StatRows): boolean;
}

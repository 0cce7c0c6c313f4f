// The five places where a layer above the server takes part in its work. All are optional; a server without them pays
// one comparison each.

import type { TextRequest } from "@marugoto/protocol";
import type { Mutation } from "./mutation.ts";
import type { Session } from "./session.ts";
import type { StatRows } from "./stats/rows.ts";

/** What `beforeExecute` decides: go on, answer this text instead, or wait and then go on or answer. */
export type Admission =
  "run" | { readonly refuse: string } | { readonly later: Promise<"run" | { readonly refuse: string }> };

export interface ServerHooks {
  /** Called in the tick of the change, after the store has it and before the client's answer leaves. */
  onMutation?(mutation: Mutation): void;
  /**
   * Asked before each request is executed. `refuse` is answered as one line, without `\r\n` in it. With `later` the
   * session parks: it executes and reads nothing more, and goes on in order once the promise settles; a rejection is
   * answered as `SERVER_ERROR`.
   */
  beforeExecute?(request: TextRequest, session: Session): Admission;
  /** Asked once per flush of a session's answers; they leave when the promise has settled. */
  beforeAnswers?(): undefined | Promise<void>;
  /** Adds rows to `stats <section>`; the section is "" for plain `stats`. True when the section is the hook's own. */
  addStats?(section: string, rows: StatRows): boolean;
}

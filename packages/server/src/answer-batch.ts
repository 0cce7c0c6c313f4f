// Answers that leave together: what sessions have written in one pass of the event loop is sent at its end, so that a hook
// that has to see to something first does it once for all of them. Not used where there is no such hook.

import type { ServerHooks } from "./hooks.ts";

/** A session with answers that wait for the end of the pass. */
interface Waiting {
  /** @param wait undefined = they leave now, else once it has settled */
  sendDue(wait: Promise<void> | undefined): void;
}

export class AnswerBatch {
  readonly #hooks: ServerHooks;
  #sessions: Waiting[] = [];
  /** The list of the last pass, to be used again. */
  #spare: Waiting[] = [];

  constructor(hooks: ServerHooks) {
    this.#hooks = hooks;
  }

  /** Sends this session's answers when the pass ends. */
  add(session: Waiting): void {
    if (this.#sessions.push(session) === 1) setImmediate(this.#send);
  }

  readonly #send = (): void => {
    const sessions = this.#sessions;
    this.#sessions = this.#spare;
    const wait = this.#hooks.beforeAnswers?.();
    for (const session of sessions) session.sendDue(wait);
    sessions.length = 0;
    this.#spare = sessions;
  };
}

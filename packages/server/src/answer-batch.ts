// Answers that leave together: what sessions have written in one pass of the event loop is sent at its end, so that a hook
// that has to see to something first does it once for all of them. Not used where there is no such hook.

import type { ServerHooks } from "./hooks.ts";

/** A session with answers that wait for the end of the pass. */
interface Waiting {
  /** @param wait undefined = they leave now, else once it has settled */
  sendDue(wait: Promise<void> | undefined): void;
}

const nobody: Waiting = { sendDue: () => undefined };

export class AnswerBatch {
  readonly #hooks: ServerHooks;
  /** Two lists that take turns, and keep their memory: an array that is emptied gives it back. */
  #sessions: Waiting[] = [];
  #others: Waiting[] = [];
  #count = 0;

  constructor(hooks: ServerHooks) {
    this.#hooks = hooks;
  }

  /** Sends this session's answers when the pass ends. */
  add(session: Waiting): void {
    if (this.#count === 0) setImmediate(this.#send);
    this.#sessions[this.#count++] = session;
  }

  readonly #send = (): void => {
    const sessions = this.#sessions;
    this.#sessions = this.#others;
    this.#others = sessions;
    const count = this.#count;
    this.#count = 0;
    const wait = this.#hooks.beforeAnswers?.();
    for (let i = 0; i < count; i++) {
      const session = sessions[i]!;
      sessions[i] = nobody;
      session.sendDue(wait);
    }
  };
}

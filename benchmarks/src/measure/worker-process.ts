// A child process that does one thing after another as it is told over Node's IPC channel. What it does is its module's
// affair; this is the parent's end: numbered questions, answers or errors, and an end that comes for certain.

import { fork, type ChildProcess } from "node:child_process";
import { CacheError } from "@marugoto/core";
import { pinnedNode } from "./programs.ts";

type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

/** What every answer carries; one with `error` rejects the question. */
interface Answer {
  readonly id: number;
  readonly error?: string;
}

interface Waiting<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** How long a process that was told to end may take, in ms. */
const END_WITHIN_MS = 2000;

export class WorkerProcess<Command extends { readonly id: number }, Reply extends { readonly id: number }> {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #lastId = 0;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    child.on("message", (message) => {
      const { id, error } = message as Answer;
      const entry = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) entry?.resolve(message as unknown as Reply);
      else entry?.reject(new CacheError("protocol_violation", `${name}: ${error}`));
    });
    child.on("exit", (code, signal) => {
      const error = new CacheError("closed", `${name} ended with ${signal ?? String(code)}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /**
   * Starts a process on the pinned Node; what it prints goes to stderr.
   *
   * @param name for error messages
   */
  static start<Command extends { readonly id: number }, Reply extends { readonly id: number }>(
    name: string,
    module: string,
  ): WorkerProcess<Command, Reply> {
    const execArgv = ["--conditions=source", "--disable-warning=ExperimentalWarning"];
    const child = fork(module, [], { execPath: pinnedNode(), execArgv, stdio: ["ignore", 2, 2, "ipc"] });
    return new WorkerProcess(name, child);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new CacheError("closed", `${this.#name} has not started`);
    return this.#child.pid;
  }

  /** @throws CacheError `protocol_violation` with what it says went wrong, `closed` when it has ended */
  ask(command: Unnumbered<Command>): Promise<Reply> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ ...command, id }, (error) => {
        if (error === null) return;
        this.#waiting.delete(id);
        reject(error);
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.disconnect();
    // One that is blocked in its loop does not see the channel close.
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }
}

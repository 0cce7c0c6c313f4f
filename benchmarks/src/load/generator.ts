// The load generator as a bench uses it: a child process, so that its CPU time is nobody else's.

import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CacheError } from "@marugoto/core";
import { pinnedNode } from "../measure/programs.ts";
import type { LoadCommand, LoadReply } from "./messages.ts";
import type { LoadResult, LoadSpec, TransportName } from "./spec.ts";

type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

interface Waiting {
  readonly resolve: (reply: LoadReply) => void;
  readonly reject: (error: Error) => void;
}

/** Connections held open by the generator, on which a load runs again and again. */
export interface OpenLoad {
  readonly spec: LoadSpec;
  readonly transport: TransportName;
  /** Runs for so many seconds, or until a fill is done. @throws CacheError when the server misbehaves */
  run(seconds: number): Promise<LoadResult>;
  close(): Promise<void>;
}

export class LoadGenerator {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.on("message", (reply: LoadReply) => {
      const entry = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ("error" in reply) entry?.reject(new CacheError("protocol_violation", `load generator: ${reply.error}`));
      else entry?.resolve(reply);
    });
    child.on("exit", (code, signal) => {
      const error = new CacheError("closed", `the load generator ended with ${signal ?? String(code)}`);
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  static start(): LoadGenerator {
    const worker = fileURLToPath(new URL("./worker.ts", import.meta.url));
    const execArgv = ["--conditions=source", "--disable-warning=ExperimentalWarning"];
    return new LoadGenerator(fork(worker, [], { execPath: pinnedNode(), execArgv, stdio: ["ignore", 2, 2, "ipc"] }));
  }

  /** @param transport forces a transport; by default the fast one where it exists */
  async open(spec: LoadSpec, transport?: TransportName): Promise<OpenLoad> {
    const reply = await this.ask({ do: "open", spec, transport });
    if (!("session" in reply)) throw new TypeError("the load generator answered something else than a session");
    const { session } = reply;
    return {
      spec,
      transport: reply.transport,
      run: async (seconds) => {
        const answer = await this.ask({ do: "run", session, seconds });
        if (!("result" in answer)) throw new TypeError("the load generator answered something else than a result");
        return answer.result;
      },
      close: async () => {
        await this.ask({ do: "close", session });
      },
    };
  }

  /** Opens, runs for so many seconds and closes. */
  async once(spec: LoadSpec, seconds: number): Promise<LoadResult> {
    const load = await this.open(spec);
    try {
      return await load.run(seconds);
    } finally {
      await load.close();
    }
  }

  /** Stores keys 0 … keys − 1 of a load's key space and checks that each was accepted. */
  async fill(spec: LoadSpec): Promise<void> {
    const depth = Math.max(1, Math.min(256, Math.floor((256 * 1024) / (spec.valueBytes + 40))));
    const result = await this.once({ ...spec, connections: 4, depth, fill: true }, FILL_LIMIT_SEC);
    if (result.operations < spec.keys) {
      throw new CacheError("timeout", `stored ${result.operations} of ${spec.keys} keys in ${FILL_LIMIT_SEC} s`);
    }
    if (result.refused > 0) {
      throw new CacheError("protocol_violation", `${result.refused} of ${spec.keys} sets refused: ${result.refusal}`);
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.disconnect();
    // A generator that is blocked in its loop does not see the channel close.
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 2000);
    await ended;
    clearTimeout(timer);
  }

  private ask(command: Unnumbered<LoadCommand>): Promise<LoadReply> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ ...command, id }, (error) => {
        if (error === null) return;
        this.waiting.delete(id);
        reject(error);
      });
    });
  }
}

const FILL_LIMIT_SEC = 120;

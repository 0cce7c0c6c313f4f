// The load generator as a bench uses it: a child process, so that its CPU time is nobody else's.

import { fileURLToPath } from "node:url";
import { CacheError } from "@marugoto/core";
import { WorkerProcess } from "../measure/worker-process.ts";
import type { LoadCommand, LoadReply } from "./messages.ts";
import type { LoadResult, LoadSpec, TransportName } from "./spec.ts";

/** Connections held open by the generator, on which a load runs again and again. */
export interface OpenLoad {
  readonly spec: LoadSpec;
  readonly transport: TransportName;
  /** Runs for so many seconds, or until a fill is done. @throws CacheError when the server misbehaves */
  run(seconds: number): Promise<LoadResult>;
  close(): Promise<void>;
}

export class LoadGenerator {
  private readonly process: WorkerProcess<LoadCommand, LoadReply>;

  private constructor(process: WorkerProcess<LoadCommand, LoadReply>) {
    this.process = process;
  }

  static start(): LoadGenerator {
    const worker = fileURLToPath(new URL("./worker.ts", import.meta.url));
    return new LoadGenerator(WorkerProcess.start("the load generator", worker));
  }

  /** @param transport forces a transport; by default the fast one where it exists */
  async open(spec: LoadSpec, transport?: TransportName): Promise<OpenLoad> {
    const reply = await this.process.ask({ do: "open", spec, transport });
    if (!("session" in reply)) throw new TypeError("the load generator answered something else than a session");
    const { session } = reply;
    return {
      spec,
      transport: reply.transport,
      run: async (seconds) => {
        const answer = await this.process.ask({ do: "run", session, seconds });
        if (!("result" in answer)) throw new TypeError("the load generator answered something else than a result");
        return answer.result;
      },
      close: async () => {
        await this.process.ask({ do: "close", session });
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

  stop(): Promise<void> {
    return this.process.stop();
  }
}

const FILL_LIMIT_SEC = 120;

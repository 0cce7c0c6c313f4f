// A subject as a bench uses it: a process of its own, whose CPU time is read from outside around each run.

import { fileURLToPath } from "node:url";
import { cpuSeconds } from "../measure/process-usage.ts";
import { WorkerProcess } from "../measure/worker-process.ts";
import type { SubjectCommand, SubjectReply, SubjectSpec } from "./subject.ts";

/** One run of a subject. */
export interface SubjectSample {
  /** CPU time of its process per operation, in µs. */
  readonly costUs: number;
  readonly perSecond: number;
  /** What steps failed of, of a subject that may fail. */
  readonly faults: readonly string[];
}

const worker = fileURLToPath(new URL("./worker.ts", import.meta.url));

export class SubjectProcess {
  readonly #process: WorkerProcess<SubjectCommand, SubjectReply>;

  private constructor(process: WorkerProcess<SubjectCommand, SubjectReply>) {
    this.#process = process;
  }

  /** Starts a process and waits until its subject is ready. @throws CacheError when it isn't what it should be */
  static async start(spec: SubjectSpec): Promise<SubjectProcess> {
    const started = WorkerProcess.start<SubjectCommand, SubjectReply>(spec.subject, worker);
    try {
      await started.ask({ do: "open", spec });
    } catch (error) {
      await started.stop();
      throw error;
    }
    return new SubjectProcess(started);
  }

  async measure(seconds: number): Promise<SubjectSample> {
    const { pid } = this.#process;
    const before = cpuSeconds(pid);
    const reply = await this.#process.ask({ do: "run", seconds });
    const used = cpuSeconds(pid) - before;
    if (!("operations" in reply)) throw new TypeError("a subject answered something else than a run");
    return {
      costUs: (used / reply.operations) * 1e6,
      perSecond: reply.operations / reply.seconds,
      faults: reply.faults,
    };
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** Runs `use` with a process per spec, all ended afterwards whatever happens. */
export async function withSubjects<T>(
  specs: readonly SubjectSpec[],
  use: (subjects: readonly SubjectProcess[]) => Promise<T>,
): Promise<T> {
  const subjects: SubjectProcess[] = [];
  try {
    for (const spec of specs) subjects.push(await SubjectProcess.start(spec));
    return await use(subjects);
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
}

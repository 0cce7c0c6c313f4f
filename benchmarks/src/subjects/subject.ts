// What is measured in a process of its own: a library or a bare socket doing one kind of work again and again. Data that
// crosses the process boundary, and the interfaces of the two kinds of subjects.

/** What a process is to do. */
export interface SubjectSpec {
  /** A name of `subjects` in worker.ts. */
  readonly subject: string;
  readonly work: Work;
  /** A step that fails is counted and not the end of everything: it is another project's program. Default false. */
  readonly mayFail?: boolean;
}

export type Work = CacheWork | RingWork;

/** Requests to one memcached on 127.0.0.1. */
export interface CacheWork {
  readonly port: number;
  /** `door`: gets below the level of promises, for subjects that have such a level. */
  readonly command: "get" | "set" | "getMany" | "door";
  /** Calls that are made at once; the next are made when all of them have ended. */
  readonly concurrency: number;
  /** Keys per call of getMany. */
  readonly keysPerCall: number;
  /** ASCII text. */
  readonly valueBytes: number;
  readonly keys: number;
  /** Before every key, so that subjects on one server don't meet. */
  readonly prefix: string;
}

/** Servers `10.0.0.0:11211`, `10.0.0.1:11211` …, and a place for each of many keys. */
export interface RingWork {
  readonly servers: number;
  /** `build`: a new ring each time. */
  readonly command: "lookup" | "build";
  readonly keys: number;
}

/** A subject that is ready: its connection is up, and what it gives has been checked. */
export interface Subject {
  /** What one step does, counted as the table counts. */
  readonly operationsPerStep: number;
  /** Does the work once. @throws Error when a result is wrong */
  step(): Promise<void> | void;
  close(): Promise<void> | void;
}

export type SubjectCommand =
  | { readonly id: number; readonly do: "open"; readonly spec: SubjectSpec }
  | { readonly id: number; readonly do: "run"; readonly seconds: number };

export type SubjectReply =
  | { readonly id: number; readonly opened: true }
  | { readonly id: number; readonly operations: number; readonly seconds: number; readonly faults: readonly string[] };

/** A library as its users see it: one promise a call. */
export interface CacheClient {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<unknown>;
  /** The text in what `get` gave, undefined for a miss. Only asked before the measurement. */
  textOf(result: unknown): string | undefined;
  /** Whether `get` found its key; asked for each result. */
  isHit(result: unknown): boolean;
  /** How many keys `getMany` found. */
  countHits(result: unknown): number;
  /** Whether `set` has stored; asked for each result. */
  isStored(result: unknown): boolean;
  close(): Promise<void> | void;
}

// What a node needs of the world: time, links to other nodes, the content it keeps. Over sockets and a store in
// production, over a virtual clock and memory in the simulator; the node is the same code in both.

import type { TcpEndpoint } from "./options.ts";

/** Time as a node sees it. */
export interface Timers {
  /** Milliseconds of a clock that never goes back; fractions allowed. */
  nowMs(): number;
  /** Unix time in milliseconds, of the same clock. */
  unixMs(): number;
  /** Runs `task` once, `afterMs` from now; returns what cancels it. */
  after(afterMs: number, task: () => void): () => void;
  /** Runs `task` after what the loop has at hand at the moment. */
  defer(task: () => void): void;
}

/** A connection to another node: bytes in order, both ways. */
export interface Link {
  /** Address of the other side, for people. */
  readonly remote: string;
  /** Where the other side's host is reached. */
  readonly remoteHost: string;
  /**
   * Hands bytes on; the buffer must stay as it is. Always whole records or messages.
   * @returns true when all bytes, these and earlier ones, have left this process: they reach the peer even if we die
   */
  write(bytes: Buffer): boolean;
  /** Bytes handed on that have not left this process. */
  readonly waiting: number;
  /** Takes the events from now on; called once. What had come before is delivered now. */
  open(handler: LinkHandler): void;
  /** Closes at once; `onClosed` follows if it has not been called. */
  close(): void;
}

export interface LinkHandler {
  /** `buffer[start, end)` is valid during the call only. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** Nothing waits any more. */
  onDrain(): void;
  /** Called once, after the last byte. */
  onClosed(reason: string): void;
}

/** Why a dial gave no link: the host said that nobody listens, or nobody said anything. */
export type DialFailure = "refused" | "unreachable";

export interface Network {
  /** Dials; `done` is called once, unless cancelled by the returned function. */
  dial(endpoint: TcpEndpoint, done: (result: Link | DialFailure) => void): () => void;
  /**
   * Listens for other nodes.
   *
   * @param accept gets each link that `admits` let in
   * @param admits whether an address may say anything at all; others are closed before a byte
   * @param failed is told when a connection could not be accepted; the listener goes on
   * @returns the real port and what ends it
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  listen(
    endpoint: TcpEndpoint,
    accept: (link: Link) => void,
    admits: (host: string) => boolean,
    failed: (error: Error) => void,
  ): Promise<{ readonly port: number; close(): void }>;
}

/** Takes the bytes of records; what `EffectLog` and a scratch have in common. */
export interface RecordSink {
  /** Makes room for `bytes` more at `buffer[at]`. */
  reserve(bytes: number): void;
  readonly buffer: Buffer;
  /** The same bytes, for numbers. */
  readonly view: DataView;
  readonly at: number;
  /** The next `bytes` from `at` on are a record. */
  commit(bytes: number): void;
}

/** The items a node keeps. Group time is milliseconds on the clock that all nodes of a group share. */
export interface Content {
  /** Applies one record (put, copied, remove, touch, flush) that lies at `buffer[at]`. */
  apply(buffer: Buffer, at: number): void;
  /** Applies a put as a new write: with the next cas, and says so to `sink` with the record's own time and rank. */
  adopt(buffer: Buffer, at: number, sink: RecordSink): void;
  /** Appends the item of a key as a record of `kind`, with this time and rank. @returns false when there is none */
  encodeKey(key: Buffer, sink: RecordSink, kind: number, timeMs: number, rank: number): boolean;
  /**
   * Appends some items as copied records and goes on from there next time.
   *
   * @param cursor 0 to start, then what the last call returned
   * @returns the next cursor, or -1 after the last
   */
  copySome(cursor: number, bytes: number, sink: RecordSink): number;
  /** Visits the keys of some items, which `visit` may ask to be removed by true; cursor as above. */
  sweepSome(cursor: number, items: number, visit: (key: Buffer, start: number, end: number) => boolean): number;
  /** Removes the item of a key, if there is one. */
  remove(key: Buffer): void;
  /** When a flush that was ordered for later happens; group time in milliseconds, 0 = none is to come. */
  pendingFlush(): number;
  /** Orders or, with 0, takes back a flush for later. */
  setPendingFlush(whenMs: number): void;
  /** True when nothing is stored. */
  readonly isEmpty: boolean;
  /** The epoch that cas numbers are drawn in. */
  epoch(): number;
  /** Draws cas numbers in a higher epoch from now on. */
  setEpoch(epoch: number): void;
  /** Executes a client's request as it came, with effects reported as for any client. @returns the answer */
  execute(request: Buffer): Buffer;
  /** What has to be added to our clock's Unix time to be at the group's time, in milliseconds. */
  setSkew(skewMs: number): void;
}

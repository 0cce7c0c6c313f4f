// What a session needs of whatever carries its bytes. `node:net` is behind it today; a session never knows.

/** The one read buffer of a thread: the most that a session is given per event. */
export const READ_BUFFER_BYTES = 64 * 1024;

/** Room in front of it, in which a session joins what it had kept with what has come. */
export const READ_HEADROOM_BYTES = 32 * 1024;

/** The way out, and the brakes. */
export interface Transport {
  /** Remote address as memcached prints it, e.g. `tcp:127.0.0.1:5000` or `unix:/path`. */
  readonly remote: string;
  /** False for a Unix socket: idle_timeout leaves those alone. */
  readonly isRemote: boolean;
  /** Address of the listener, for `stats conns`. */
  readonly local: string;
  /** True when answers are wanted before `onBytes` returns. Default false: they may wait for the end of the pass. */
  readonly isSynchronous?: boolean;
  /**
   * Hands bytes on. They may be read later, so the range must stay as it is unless true comes back.
   * @returns true when all bytes, these and earlier ones, are out of our hands (the kernel has them)
   */
  write(buffer: Buffer, start: number, end: number): boolean;
  /** Hands on several pieces at once; `done` when nobody reads them any more, sent or not. */
  writePieces(pieces: readonly Buffer[], done: () => void): boolean;
  /** Bytes handed on and not yet with the kernel. */
  readonly waiting: number;
  /** No more `onBytes` until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes after what was handed on has left. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

/** What a transport reports to: one per connection. */
export interface ByteHandler {
  /** `buffer[start, end)` is valid during the call only; what lies before `start` is scratch and may be overwritten. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** All that was handed to `write` is with the kernel. */
  onDrain(): void;
  /** The client sends no more. */
  onInputEnd(): void;
  /** The connection is gone; `error` when that was not by agreement. */
  onClosed(error: Error | undefined): void;
}

/** Decides about a new connection; `undefined` when it was refused and the transport has been ended. */
export type Accept = (transport: Transport) => ByteHandler | undefined;

// What calls give, and what they are told to do when they can't: the words of the public API that are no class.

/** How a storage op ended. */
export type StoreResult = "stored" | "not_stored" | "exists" | "not_found";

/** A value with the token that `cas` takes. */
export interface WithCas<T> {
  readonly value: T;
  /** Unsigned 64 bit. */
  readonly cas: bigint;
}

/** What a lease read found. */
export interface LeaseResult<T> {
  /** undefined: nothing there, or only the placeholder of whoever recomputes. */
  readonly value: T | undefined;
  readonly cas: bigint;
  /** This caller has won: it is to recompute. */
  readonly won: boolean;
  readonly stale: boolean;
  /** Somebody else is at it. */
  readonly taken: boolean;
  /** Remaining seconds; -1 = never expires. */
  readonly ttlSec: number;
}

/** What a call does when the failover rules have no further server. */
export type OnFailure = "throw" | "miss" | "next" | "gutter";

// Calls for many keys: one op per key, gathered into one result. What a part of the servers can't give is listed beside
// what the others gave.

import { CacheError } from "@marugoto/core";
import type { Key } from "./keys.ts";
import type { Op, OpOwner } from "./op.ts";

/** A key whose server gave no answer. */
export interface KeyFailure<K = Key> {
  readonly key: K;
  readonly error: CacheError;
}

/** Values by key, in the order of the request; keys that are not there are absent. */
export class ManyValues<K, T> extends Map<K, T> {
  /** Keys that could not be asked for: not hits, not misses. */
  readonly errors: readonly KeyFailure<K>[];

  constructor(errors: readonly KeyFailure<K>[] = []) {
    super();
    this.errors = errors;
  }
}

/** What became of many writes. */
export interface ManyWrites<K> {
  /** How many were done. */
  readonly done: number;
  /** Answered and not done: nothing to delete, nothing stored. */
  readonly notDone: readonly K[];
  readonly errors: readonly KeyFailure<K>[];
}

/** Gathers results by index. `expect` is called once everything has been started. */
export class Gathering<K> implements OpOwner {
  readonly results: unknown[];
  readonly #keys: readonly K[];
  readonly #errors: KeyFailure<K>[] = [];
  #pending: number;
  readonly #finish: (errors: readonly KeyFailure<K>[]) => void;

  /** @param finish called when every key has ended; not before the caller's turn is over for at least one key */
  constructor(keys: readonly K[], finish: (errors: readonly KeyFailure<K>[]) => void) {
    this.#keys = keys;
    this.results = new Array<unknown>(keys.length);
    this.#pending = keys.length;
    this.#finish = finish;
  }

  done(op: Op, value: unknown): void {
    this.results[op.index] = value;
    op.host.recycle(op);
    this.#count();
  }

  failed(op: Op, error: CacheError): void {
    this.#errors.push({ key: this.#keys[op.index]!, error });
    op.host.recycle(op);
    this.#count();
  }

  /** A key that could not even become a request. */
  refused(index: number, error: CacheError): void {
    this.#errors.push({ key: this.#keys[index]!, error });
    this.#count();
  }

  #count(): void {
    if (--this.#pending === 0) this.#finish(this.#errors);
  }
}

/** Whether the caller has given the whole call up, which is no partial result. */
export function isAborted(errors: readonly KeyFailure<unknown>[]): boolean {
  return errors.some(({ error }) => error.code === "aborted");
}

/** The one error for a call of many keys of which some failed. */
export function manyError(errors: readonly KeyFailure<unknown>[], count: number): CacheError {
  const first = (errors.find(({ error }) => error.code === "aborted") ?? errors[0]!).error;
  if (count === 1 || first.code === "aborted") return first;
  const message = `${errors.length} of ${count} keys failed; the first: ${first.message}`;
  return new CacheError(first.code, message, { cause: first });
}

// Effects: what a command did to the store, in the terms of the store. Whoever copies a server's content elsewhere
// (replication) takes part here; the server itself knows no other node.

/** What happened. Numbers, so that making an effect allocates nothing. */
export const MutationKind = {
  /** The item was stored or changed in anything but its expiry: value, flags, cas, stale or win mark. */
  put: 1,
  /** The key was removed. */
  remove: 2,
  /** Only the expiry changed. */
  touch: 3,
  /** flush_all was accepted. */
  flush: 4,
} as const;

export type MutationKind = (typeof MutationKind)[keyof typeof MutationKind];

/**
 * One effect of this server's own commands, in the order in which they happened. The object is reused: read it before
 * the call returns.
 */
export interface Mutation {
  readonly kind: MutationKind;
  /** The key is `key[keyStart, keyEnd)`; for `flush` the range is empty. */
  readonly key: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** `put` and `touch`: the item in the store, for its value, flags, cas, marks and expiry. Otherwise 0. */
  readonly item: number;
  /** `flush`: the second of the server's clock at which it takes effect; 0 = at once. */
  readonly flushAt: number;
}

/** An effect that came from elsewhere and is to be applied as it is, without rules, replies or `onMutation`. */
export type AppliedMutation =
  | {
      readonly kind: typeof MutationKind.put;
      readonly key: Buffer;
      readonly flags: number;
      /** A second of this server's clock; 0 = never. */
      readonly expiry: number;
      readonly casHigh: number;
      readonly casLow: number;
      readonly stale: boolean;
      readonly winSent: boolean;
      readonly value: Buffer;
    }
  | { readonly kind: typeof MutationKind.remove; readonly key: Buffer }
  | { readonly kind: typeof MutationKind.touch; readonly key: Buffer; readonly expiry: number }
  | { readonly kind: typeof MutationKind.flush; readonly flushAt: number };

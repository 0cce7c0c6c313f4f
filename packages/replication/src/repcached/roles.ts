// Who a node is among repcacheds, as data: state × event → state and what to do. In this wire mode the roles are only
// "who listens": there is no word for them on the wire, no acknowledgement and no heartbeat.

import type { Role } from "../events.ts";

export type RepcachedState =
  /** Asks the peer for its content; clients wait. */
  | "dialing"
  /** Receives the copy; clients wait. */
  | "copying"
  /** Has the copy and receives what changes. */
  | "slave"
  /** A master nobody is attached to. */
  | "alone"
  /** A master that sends the copy. */
  | "feeding"
  /** A master whose slave has had the copy. */
  | "master";

/** What each state is called from outside. */
export const roleOf: Readonly<Record<RepcachedState, Role>> = {
  dialing: "starting",
  copying: "copying",
  slave: "slave",
  alone: "master",
  feeding: "master",
  master: "master",
};

export type RepcachedEvent =
  /** The peer answers our dialling. */
  | "connected"
  /** It does not. */
  | "unreachable"
  /** A permitted peer has dialled us. */
  | "accepted"
  /** `marugoto_end` has come. */
  | "copied"
  /** `marugoto_end` has been sent. */
  | "sent"
  /** The link is gone, whoever closed it. */
  | "lost";

export type RepcachedAction =
  /** Dial the peer after a short pause. */
  | "dial"
  /** The same, but only while this node has nothing of its own to lose. */
  | "dialWhileFresh"
  | "listen"
  | "stopListening"
  /** Send the whole content, then `marugoto_end`. */
  | "sendCopy"
  /** Forget what an earlier, broken copy has brought. */
  | "clear"
  /** Serve clients from now on. */
  | "open";

export interface RepcachedStep {
  readonly to: RepcachedState;
  readonly actions: readonly RepcachedAction[];
}

/** An event without a row changes nothing. */
export const repcachedTable: Readonly<Record<RepcachedState, Partial<Record<RepcachedEvent, RepcachedStep>>>> = {
  dialing: {
    connected: { to: "copying", actions: ["clear"] },
    unreachable: { to: "alone", actions: ["listen", "open", "dialWhileFresh"] },
  },
  copying: {
    copied: { to: "slave", actions: ["open"] },
    lost: { to: "dialing", actions: ["dial"] },
  },
  slave: {
    lost: { to: "alone", actions: ["listen"] },
  },
  alone: {
    connected: { to: "copying", actions: ["stopListening", "clear"] },
    unreachable: { to: "alone", actions: ["dialWhileFresh"] },
    accepted: { to: "feeding", actions: ["stopListening", "sendCopy"] },
  },
  feeding: {
    sent: { to: "master", actions: [] },
    lost: { to: "alone", actions: ["listen", "dialWhileFresh"] },
  },
  master: {
    lost: { to: "alone", actions: ["listen", "dialWhileFresh"] },
  },
};

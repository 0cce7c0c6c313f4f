// Who a node is among repcacheds, as data: state × event → state and what to do. In this wire mode the roles are only
// "who listens": there is no word for them on the wire, no acknowledgement and no heartbeat.

export type RepcachedRole =
  /** Asks the peer for its content; clients wait. */
  | "dialing"
  /** Receives the first copy; clients wait. */
  | "copying"
  /** Has the copy and receives what changes. */
  | "slave"
  /** A master nobody is attached to. */
  | "alone"
  /** A master that sends the first copy. */
  | "feeding"
  /** A master whose slave has had the copy. */
  | "master";

export type RoleEvent =
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

export type RoleAction =
  /** Dial the peer at once. */
  | "dial"
  /** Dial it after a pause, as long as this node has nothing of its own to lose. */
  | "dialLater"
  | "listen"
  | "stopListening"
  /** Send the whole content, then `marugoto_end`. */
  | "sendCopy"
  /** Forget what an earlier, broken copy has brought. */
  | "clear"
  /** Serve clients from now on. */
  | "open";

export interface RoleStep {
  readonly to: RepcachedRole;
  readonly actions: readonly RoleAction[];
}

/** An event without a row changes nothing. */
export const roleTable: Readonly<Record<RepcachedRole, Partial<Record<RoleEvent, RoleStep>>>> = {
  dialing: {
    connected: { to: "copying", actions: ["clear"] },
    unreachable: { to: "alone", actions: ["listen", "open", "dialLater"] },
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
    unreachable: { to: "alone", actions: ["dialLater"] },
    accepted: { to: "feeding", actions: ["stopListening", "sendCopy"] },
  },
  feeding: {
    sent: { to: "master", actions: [] },
    lost: { to: "alone", actions: ["listen"] },
  },
  master: {
    lost: { to: "alone", actions: ["listen"] },
  },
};

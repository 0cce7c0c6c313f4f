// The role machine as data: in which role what happening leads to which role, and what is then done. Nothing else
// changes a role. docs/replication.md draws it from here.

import type { Role } from "../events.ts";

/** What can happen to a node. */
export type RoleEvent =
  /** A linked node is to be followed. */
  | "masterFound"
  /** The same for a node that has no content yet. */
  | "firstMasterFound"
  /** Nobody is there to be followed. */
  | "alone"
  /** The first copy is complete. */
  | "copied"
  /** The link to the node we follow has closed, or was silent for too long. */
  | "upstreamLost"
  /** The master that we follow has no lease any more. */
  | "upstreamLeaseLost"
  /** The node that we followed is linked again: the same process. */
  | "masterBack"
  /** It is certain, or long enough likely, that it is gone; and no other replica knows more than we. */
  | "masterDead"
  /** The master has handed over to us. */
  | "appointed"
  /** We may be master: at once without a coordinator, with one when it gives the lease. */
  | "granted"
  | "leaseLost"
  /** Another master takes precedence. */
  | "outranked"
  | "handover"
  | "handedOver"
  | "handoverFailed";

/** What is done when a transition is taken. */
export type RoleAction = "follow" | "probe" | "survey" | "askLeave" | "promote" | "appoint" | "goOn" | "openClients";

export interface Transition {
  readonly from: Role;
  readonly on: RoleEvent;
  readonly to: Role;
  readonly does: readonly RoleAction[];
}

export const transitions: readonly Transition[] = [
  { from: "starting", on: "masterFound", to: "copying", does: ["follow"] },
  { from: "starting", on: "alone", to: "candidate", does: ["askLeave"] },
  { from: "copying", on: "copied", to: "slave", does: ["openClients"] },
  { from: "copying", on: "masterFound", to: "copying", does: ["follow"] },
  { from: "copying", on: "upstreamLost", to: "starting", does: ["survey"] },
  { from: "slave", on: "upstreamLost", to: "probing", does: ["probe"] },
  { from: "slave", on: "masterFound", to: "slave", does: ["follow"] },
  { from: "slave", on: "appointed", to: "candidate", does: ["askLeave"] },
  { from: "slave", on: "upstreamLeaseLost", to: "candidate", does: ["askLeave"] },
  { from: "probing", on: "masterBack", to: "slave", does: ["follow"] },
  { from: "probing", on: "masterFound", to: "slave", does: ["follow"] },
  { from: "probing", on: "masterDead", to: "candidate", does: ["askLeave"] },
  { from: "candidate", on: "granted", to: "master", does: ["promote", "openClients"] },
  { from: "candidate", on: "firstMasterFound", to: "copying", does: ["follow"] },
  { from: "candidate", on: "masterFound", to: "slave", does: ["follow", "openClients"] },
  { from: "master", on: "outranked", to: "slave", does: ["follow"] },
  { from: "master", on: "leaseLost", to: "candidate", does: ["askLeave"] },
  { from: "master", on: "handover", to: "yielding", does: ["appoint"] },
  { from: "yielding", on: "handedOver", to: "slave", does: ["follow"] },
  { from: "yielding", on: "handoverFailed", to: "master", does: ["goOn"] },
  { from: "yielding", on: "leaseLost", to: "candidate", does: ["askLeave"] },
];

/** Has a log that others can go on with: a master's, also while it hands over, or one that comes from a master. */
export function canBeFollowed(role: Role): boolean {
  return role === "master" || role === "slave" || role === "yielding";
}

/** The transition that an event causes; undefined = the event changes nothing in this role. */
export function transitionOf(role: Role, event: RoleEvent): Transition | undefined {
  return transitions.find(({ from, on }) => from === role && on === event);
}

/** The machine as a diagram in Mermaid's language. */
export function roleDiagram(): string {
  const lines = transitions.map(({ from, on, to, does }) => `  ${from} --> ${to}: ${on} / ${does.join(", ")}`);
  return ["stateDiagram-v2", "  [*] --> starting", ...lines].join("\n");
}

// What a node among repcacheds tells the program around it, and how repcached itself puts it.

import { formatEndpoint, type Endpoint } from "@marugoto/core";
import type { RepcachedRole } from "./roles.ts";

export interface RepcachedEvents {
  /** The state has changed; `reason` in words. */
  role: { readonly role: RepcachedRole; readonly before: RepcachedRole; readonly reason: string };
  /** The peer is dialled. Told once for a row of tries. */
  connect: { readonly peer: Endpoint };
  /** The peer has answered and sends its copy. */
  copying: Record<never, never>;
  /** The copy is complete. */
  start: { readonly items: number };
  listen: { readonly endpoint: Endpoint };
  /** Listening has failed and is tried again: the peer may have the port. Told once for a row of tries. */
  listenFailed: { readonly endpoint: Endpoint; readonly error: unknown };
  /** A peer has attached. */
  accept: { readonly remote: string };
  /** Somebody who is not the peer was closed before a byte, or a second peer. */
  rejected: { readonly remote: string; readonly reason: string };
  /** This node begins to send its copy. */
  copyStart: Record<never, never>;
  /** The copy has been sent. */
  copyEnd: { readonly items: number };
  /** The peer was too slow: everything is sent again on the same link. */
  overflow: { readonly backlogBytes: number };
  /** The link is gone; `reason` in words. */
  close: { readonly reason: string };
}

type Names = keyof RepcachedEvents;

/** repcached's lines on stderr with `-v`, by event. What has no line there has none here. */
export const repcachedLines: { readonly [Name in Names]?: (event: RepcachedEvents[Name]) => readonly string[] } = {
  connect: ({ peer }) => {
    const at = peer.kind === "tcp" ? `${peer.host}:${peer.port}` : formatEndpoint(peer);
    return [`replication: connect (peer=${at})`];
  },
  copying: () => ["replication: marugoto copying"],
  start: () => ["replication: start"],
  listen: () => ["replication: listen"],
  accept: () => ["replication: accept"],
  copyStart: () => ["replication: marugoto start"],
  copyEnd: ({ items }) => [`replication: marugoto ${items}`, "replication: marugoto owari"],
  close: () => ["replication: close"],
};

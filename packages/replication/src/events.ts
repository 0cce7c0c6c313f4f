// What happens between nodes, for whoever shows it: logs, tests, a proxy that follows the master.

/** What a node is at the moment. `docs/replication.md` has the diagram. */
export type Role =
  /** No content of its own yet, looks for a peer; no clients. */
  | "starting"
  /** Takes the first full copy; no clients. */
  | "copying"
  /** Follows a master; writes are forwarded to it. */
  | "slave"
  /** Lost its master and finds out whether it lives; writes wait. */
  | "probing"
  /** Would be master, and waits for the coordinator's lease; writes wait. */
  | "candidate"
  /** Orders all writes. */
  | "master"
  /** Was master, and hands over; writes wait. */
  | "yielding"
  | "closed";

export interface ReplicationEvents {
  /** Other nodes can connect. */
  listening: { readonly host: string; readonly port: number };
  /** The replication port could not be had; the node goes on without. */
  listenRefused: { readonly host: string; readonly port: number; readonly error: unknown };
  /** A peer is dialled; told once for a row of tries. */
  dialing: { readonly peer: string };
  /** A node connected to us, or we to it; nothing is said yet. */
  connected: { readonly peer: string; readonly direction: "in" | "out" };
  /** A peer that is ourselves: an address in `peers` is our own. */
  self: { readonly peer: string };
  /** Somebody may not attach and was closed. */
  refused: { readonly peer: string; readonly reason: string };
  /** A peer has proved who it is. */
  linked: { readonly peer: string; readonly nodeId: string; readonly direction: "in" | "out" };
  unlinked: { readonly peer: string; readonly nodeId: string; readonly reason: string };
  /** Our role has changed. `tookMs`: from the loss of the master to the promotion; 0 otherwise. */
  role: {
    readonly from: Role;
    readonly to: Role;
    readonly epoch: number;
    readonly reason: string;
    readonly tookMs: number;
  };
  /** A full copy begins: `in` = towards us. */
  copyStarted: { readonly peer: string; readonly direction: "in" | "out" };
  copyEnded: {
    readonly peer: string;
    readonly direction: "in" | "out";
    readonly items: number;
    readonly bytes: number;
    readonly tookMs: number;
  };
  /** A replica goes on from where it was, without a copy; `bytes` of the stream were missing. */
  resumed: { readonly peer: string; readonly direction: "in" | "out"; readonly bytes: number };
  /** A replica's socket takes no more; answers no longer wait for it. */
  behind: { readonly peer: string };
  /** A replica has all there is. */
  inStep: { readonly peer: string };
  /** Two masters have become one: keys of the other side that were taken over, and those that were given up. */
  merged: { readonly peer: string; readonly taken: number; readonly discarded: number };
  /** A write that a merge gave up; `value` undefined = a removal. */
  discarded: { readonly key: Buffer; readonly value: Buffer | undefined; readonly timeMs: number };
  /** Something failed that ends nothing. */
  error: { readonly what: string; readonly error: unknown };
}

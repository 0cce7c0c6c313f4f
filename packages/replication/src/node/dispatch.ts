// What an established peer says, told to whom it concerns. Lengths are checked here; what cannot be read ends the link.

import {
  ANSWER_HEAD_BYTES,
  FORWARD_HEAD_BYTES,
  HEARTBEAT_BYTES,
  MessageKind,
  PLAIN_BYTES,
  RELAY_BYTES,
  readAttachment,
  readHeartbeat,
  readPlain,
  readRelay,
  readState,
} from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/**
 * Takes a message or record in `buffer[at, end)`.
 *
 * @throws RangeError for one that breaks the protocol
 */
export function takeFrame(
  node: ReplicationNode,
  peer: Peer,
  kind: number,
  buffer: Buffer,
  at: number,
  end: number,
): void {
  if (kind < MessageKind.hello) {
    node.following.onRecord(peer, kind, buffer, at, end);
    return;
  }
  const isUpstream = peer === node.upstream;
  // Until it has answered `follow`, what it says of its stream belongs to an earlier one.
  const isStream = isUpstream && node.following.isAttached;
  switch (kind) {
    case MessageKind.heartbeat:
      if (end - at >= HEARTBEAT_BYTES) node.heartbeats.onHeartbeat(peer, readHeartbeat(buffer, at));
      return;
    case MessageKind.state:
      node.states.onState(peer, readState(buffer, at, end));
      return;
    case MessageKind.follow:
      node.followers.onFollow(peer);
      return;
    case MessageKind.resume:
    case MessageKind.copyBegin:
    case MessageKind.mergeBegin: {
      const attachment = readAttachment(buffer, at, end);
      if (attachment === undefined) throw new RangeError(`message ${kind} of ${end - at} bytes`);
      if (!isUpstream) return;
      node.following.isAttached = true;
      node.following.isMerging = kind === MessageKind.mergeBegin;
      if (kind === MessageKind.resume) node.following.onResume(peer, attachment);
      else if (kind === MessageKind.copyBegin) node.copyIn.onBegin(peer, attachment);
      else node.merging.onBegin(peer, attachment);
      return;
    }
    case MessageKind.pendingFlush:
      if (isStream && end - at === PLAIN_BYTES) node.content.setPendingFlush(readPlain(buffer, at));
      return;
    case MessageKind.copyEnd:
      if (isStream) node.copyIn.onEnd(peer);
      return;
    case MessageKind.mergeEnd:
      if (end - at === PLAIN_BYTES) node.merging.onEnd(peer, readPlain(buffer, at));
      return;
    case MessageKind.relay:
      if (end - at === RELAY_BYTES) node.merging.onRelay(peer, readRelay(buffer, at));
      return;
    case MessageKind.relayEnd:
      if (isStream && end - at === PLAIN_BYTES) node.merging.onRelayEnd(readPlain(buffer, at));
      return;
    case MessageKind.forward:
      if (end - at > FORWARD_HEAD_BYTES) node.forwarding.onForward(peer, buffer, at, end);
      return;
    case MessageKind.answer:
      if (isUpstream && end - at >= ANSWER_HEAD_BYTES) node.forwarding.onAnswer(buffer, at, end);
      return;
    case MessageKind.handover:
      if (isUpstream && node.complete && end - at === PLAIN_BYTES && readPlain(buffer, at) === node.log.end) {
        node.fire("appointed", `${peer.link.remote} hands over`);
      }
      return;
    default: // A newer version may say more.
      return;
  }
}

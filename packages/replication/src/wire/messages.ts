// What nodes say to each other besides records: kinds, layouts, writers and readers. Every message begins as a record
// does, kind in byte 0 and the length of all in bytes 4 to 7, so that one reader cuts both. Numbers are big-endian.

import type { HistoryEntry } from "../node/history.ts";

/** Kinds; records have 1 to 15. A number is never used for something else again. */
export const MessageKind = {
  hello: 16,
  proof: 17,
  state: 18,
  follow: 19,
  resume: 20,
  copyBegin: 21,
  copyEnd: 22,
  heartbeat: 23,
  forward: 24,
  answer: 25,
  handover: 26,
  mergeBegin: 27,
  mergeEnd: 28,
  bye: 29,
  relay: 30,
  relayEnd: 31,
  /** In a copy: the flush_all that is still to come, as group time; 0 = none. */
  pendingFlush: 32,
} as const;

/** The version of this protocol that a node speaks, and the oldest that it understands. */
export const PROTOCOL_VERSION = 1;
export const OLDEST_VERSION = 1;

const MAGIC = Buffer.from("marugoto", "latin1");
const HEAD = 8;

export const HELLO_BYTES = HEAD + 48;
export const PROOF_BYTES = HEAD + 32;

/** Who is there. */
export interface Hello {
  readonly version: number;
  readonly oldestVersion: number;
  /** Bits; none has a meaning yet, and one that a side does not know is not used. */
  readonly features: number;
  /** 16 random bytes of this process. */
  readonly nodeId: Buffer;
  /** 16 random bytes of this connection. */
  readonly nonce: Buffer;
}

export function writeHello(hello: Hello): Buffer {
  const buffer = message(MessageKind.hello, 48);
  MAGIC.copy(buffer, 8);
  buffer.writeUInt16BE(hello.version, 16);
  buffer.writeUInt16BE(hello.oldestVersion, 18);
  buffer.writeUInt32BE(hello.features, 20);
  hello.nodeId.copy(buffer, 24);
  hello.nonce.copy(buffer, 40);
  return buffer;
}

/** @returns undefined when it is none */
export function readHello(buffer: Buffer, at: number, end: number): Hello | undefined {
  if (end - at < HELLO_BYTES || MAGIC.compare(buffer, at + 8, at + 16) !== 0) return undefined;
  return {
    version: buffer.readUInt16BE(at + 16),
    oldestVersion: buffer.readUInt16BE(at + 18),
    features: buffer.readUInt32BE(at + 20),
    nodeId: Buffer.from(buffer.subarray(at + 24, at + 40)),
    nonce: Buffer.from(buffer.subarray(at + 40, at + 56)),
  };
}

export function writeProof(proof: Buffer): Buffer {
  const buffer = message(MessageKind.proof, 32);
  proof.copy(buffer, HEAD);
  return buffer;
}

/** Roles on the wire, in the order of their codes. */
export const ROLES = ["starting", "copying", "slave", "probing", "candidate", "master", "yielding", "closed"] as const;

/** What a node is, said again at each change. */
export interface NodeState {
  readonly role: (typeof ROLES)[number];
  /** Rank in the group, 0 to 254; 255 = none given. */
  readonly rank: number;
  /** True when all that its master had is here: it can take over. */
  readonly complete: boolean;
  /** It is master, or what it is sent comes from one. */
  readonly hasMaster: boolean;
  /** Highest epoch it knows of. */
  readonly epoch: number;
  readonly logStart: number;
  readonly logEnd: number;
  /** The group's time when this was said. */
  readonly groupMs: number;
  /** Port it listens at for other nodes; 0 = nowhere. */
  readonly listenPort: number;
  /** Id of the node it follows, hexadecimal; "" = none. */
  readonly following: string;
  readonly history: readonly HistoryEntry[];
}

const StateFlag = { complete: 1, hasMaster: 2 } as const;

const STATE_BYTES = HEAD + 50;
const ENTRY_BYTES = 30;

export function writeState(state: NodeState): Buffer {
  const buffer = message(MessageKind.state, STATE_BYTES - HEAD + state.history.length * ENTRY_BYTES);
  buffer[8] = ROLES.indexOf(state.role);
  buffer[9] = state.rank;
  buffer[10] = (state.complete ? StateFlag.complete : 0) | (state.hasMaster ? StateFlag.hasMaster : 0);
  buffer[11] = state.history.length;
  buffer.writeUIntBE(state.epoch, 12, 6);
  writeOffset(buffer, state.logStart, 18);
  writeOffset(buffer, state.logEnd, 26);
  buffer.writeUIntBE(state.groupMs, 34, 6);
  buffer.writeUInt16BE(state.listenPort, 40);
  buffer.write(state.following, 42, "hex");
  writeHistory(buffer, STATE_BYTES, state.history);
  return buffer;
}

export function readState(buffer: Buffer, at: number, end: number): NodeState | undefined {
  if (end - at < STATE_BYTES) return undefined;
  const entries = buffer[at + 11]!;
  const role = ROLES[buffer[at + 8]!];
  if (role === undefined || end - at < STATE_BYTES + entries * ENTRY_BYTES) return undefined;
  const following = buffer.toString("hex", at + 42, at + 58);
  return {
    role,
    rank: buffer[at + 9]!,
    complete: (buffer[at + 10]! & StateFlag.complete) !== 0,
    hasMaster: (buffer[at + 10]! & StateFlag.hasMaster) !== 0,
    epoch: buffer.readUIntBE(at + 12, 6),
    logStart: readOffset(buffer, at + 18),
    logEnd: readOffset(buffer, at + 26),
    groupMs: buffer.readUIntBE(at + 34, 6),
    listenPort: buffer.readUInt16BE(at + 40),
    following: /^0+$/.test(following) ? "" : following,
    history: readHistory(buffer, at + STATE_BYTES, entries),
  };
}

function writeHistory(buffer: Buffer, start: number, history: readonly HistoryEntry[]): void {
  let at = start;
  for (const { epoch, nodeId, start: first } of history) {
    buffer.writeUIntBE(epoch, at, 6);
    buffer.write(nodeId, at + 6, "hex");
    writeOffset(buffer, first, at + 22);
    at += ENTRY_BYTES;
  }
}

function readHistory(buffer: Buffer, start: number, entries: number): HistoryEntry[] {
  return Array.from({ length: entries }, (_, i) => {
    const at = start + i * ENTRY_BYTES;
    return {
      epoch: buffer.readUIntBE(at, 6),
      nodeId: buffer.toString("hex", at + 6, at + 22),
      start: readOffset(buffer, at + 22),
    };
  });
}

/** The answer to `follow`: how the replica gets what it lacks. Also what begins a copy or a merge. */
export interface Attachment {
  /** Where the stream goes on. */
  readonly offset: number;
  /** The rank given. */
  readonly rank: number;
  readonly history: readonly HistoryEntry[];
  /** Node id → its last forwarded request in the stream up to `offset`. */
  readonly forwarded: ReadonlyMap<string, number>;
  /** Items that a copy is about to send; 0 otherwise. */
  readonly items: number;
}

export function writeAttachment(kind: number, attachment: Attachment): Buffer {
  const { history, forwarded } = attachment;
  const buffer = message(kind, 20 + history.length * ENTRY_BYTES + forwarded.size * 22);
  writeOffset(buffer, attachment.offset, 8);
  buffer[16] = attachment.rank;
  buffer[17] = history.length;
  buffer.writeUIntBE(attachment.items, 18, 6);
  buffer.writeUInt16BE(forwarded.size, 24);
  writeHistory(buffer, HEAD + 20, history);
  let at = HEAD + 20 + history.length * ENTRY_BYTES;
  for (const [nodeId, number] of forwarded) {
    buffer.write(nodeId, at, "hex");
    buffer.writeUIntBE(number, at + 16, 6);
    at += 22;
  }
  return buffer;
}

export function readAttachment(buffer: Buffer, at: number, end: number): Attachment | undefined {
  if (end - at < HEAD + 20) return undefined;
  const entries = buffer[at + 17]!;
  const pairs = buffer.readUInt16BE(at + 24);
  if (end - at < HEAD + 20 + entries * ENTRY_BYTES + pairs * 22) return undefined;
  const forwarded = new Map<string, number>();
  for (let i = 0; i < pairs; i++) {
    const pair = at + HEAD + 20 + entries * ENTRY_BYTES + i * 22;
    forwarded.set(buffer.toString("hex", pair, pair + 16), buffer.readUIntBE(pair + 16, 6));
  }
  return {
    offset: readOffset(buffer, at + 8),
    rank: buffer[at + 16]!,
    items: buffer.readUIntBE(at + 18, 6),
    history: readHistory(buffer, at + HEAD + 20, entries),
    forwarded,
  };
}

/** A sign of life, and an acknowledgement. */
export interface Heartbeat {
  readonly epoch: number;
  /** End of the sender's log: what it has written, or has applied; 0 while its content is not whole. */
  readonly offset: number;
  readonly groupMs: number;
  /** When it was sent, microseconds of a clock of the sender's own. */
  readonly sentUs: number;
  /** `sentUs` of the last heartbeat that came from the other side, 0 = none; and for how long it had been here. */
  readonly echoUs: number;
  readonly heldUs: number;
}

export const HEARTBEAT_BYTES = HEAD + 38;

export function writeHeartbeat({ epoch, offset, groupMs, sentUs, echoUs, heldUs }: Heartbeat): Buffer {
  const buffer = message(MessageKind.heartbeat, 38);
  buffer.writeUIntBE(epoch, 8, 6);
  writeOffset(buffer, offset, 14);
  buffer.writeUIntBE(groupMs, 22, 6);
  buffer.writeUIntBE(sentUs, 28, 6);
  buffer.writeUIntBE(echoUs, 34, 6);
  buffer.writeUIntBE(heldUs, 40, 6);
  return buffer;
}

export function readHeartbeat(buffer: Buffer, at: number): Heartbeat {
  return {
    epoch: buffer.readUIntBE(at + 8, 6),
    offset: readOffset(buffer, at + 14),
    groupMs: buffer.readUIntBE(at + 22, 6),
    sentUs: buffer.readUIntBE(at + 28, 6),
    echoUs: buffer.readUIntBE(at + 34, 6),
    heldUs: buffer.readUIntBE(at + 40, 6),
  };
}

/** The request of a client of node `id` (16 bytes), the `number`-th that it forwards; all below `floor` have answers. */
export function writeForward(id: Buffer, number: number, floor: number, request: Buffer): Buffer {
  const buffer = message(MessageKind.forward, 28 + request.length);
  buffer.writeUIntBE(number, 8, 6);
  buffer.writeUIntBE(floor, 14, 6);
  id.copy(buffer, 20);
  request.copy(buffer, FORWARD_HEAD_BYTES);
  return buffer;
}

/** Where a forwarded request counts the nodes of a chain that have passed it on, in place of a record's key length. */
export const FORWARD_HOPS_AT = 1;

export const FORWARD_HEAD_BYTES = HEAD + 28;

/** The answer to a forwarded request whose envelope doesn't have it. */
export function writeAnswer(id: Buffer, number: number, answer: Buffer): Buffer {
  const buffer = message(MessageKind.answer, 22 + answer.length);
  buffer.writeUIntBE(number, 8, 6);
  id.copy(buffer, 14);
  answer.copy(buffer, ANSWER_HEAD_BYTES);
  return buffer;
}

export const ANSWER_HEAD_BYTES = HEAD + 22;

/** A message of nothing but its kind and perhaps one number. */
export function writePlain(kind: number, number = 0): Buffer {
  const buffer = message(kind, 8);
  writeOffset(buffer, number, 8);
  return buffer;
}

export const PLAIN_BYTES = HEAD + 8;

export function readPlain(buffer: Buffer, at: number): number {
  return readOffset(buffer, at + 8);
}

/**
 * A replica passes on what a node that follows it has to merge: records come next, then `mergeEnd`. `relayEnd` answers,
 * with a number of `RelayOutcome`.
 */
export interface Relay {
  /** Where the log of that node parts from ours. */
  readonly offset: number;
  /** The epoch of that node. */
  readonly epoch: number;
}

/** What became of a relayed merge: done; the log doesn't reach back, a copy is needed; nobody can merge at present. */
export const RelayOutcome = { merged: 1, tooOld: 2, notNow: 3 } as const;

export const RELAY_BYTES = HEAD + 14;

export function writeRelay({ offset, epoch }: Relay): Buffer {
  const buffer = message(MessageKind.relay, 14);
  writeOffset(buffer, offset, 8);
  buffer.writeUIntBE(epoch, 16, 6);
  return buffer;
}

export function readRelay(buffer: Buffer, at: number): Relay {
  return { offset: readOffset(buffer, at + 8), epoch: buffer.readUIntBE(at + 16, 6) };
}

/** The last words before a link is closed on purpose. */
export function writeBye(reason: string): Buffer {
  const text = Buffer.from(reason.slice(0, 200), "utf8");
  const buffer = message(MessageKind.bye, text.length);
  text.copy(buffer, HEAD);
  return buffer;
}

export function readBye(buffer: Buffer, at: number, end: number): string {
  return buffer.toString("utf8", at + HEAD, end).replace(/[^ -~]/g, "?");
}

/** 64 bits, of which 53 are of use: ten years at 28 MB a second. */
function writeOffset(buffer: Buffer, offset: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), at);
  buffer.writeUInt32BE(offset % 0x1_0000_0000, at + 4);
}

function readOffset(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

function message(kind: number, payload: number): Buffer {
  const buffer = Buffer.alloc(HEAD + payload);
  buffer[0] = kind;
  buffer.writeUInt32BE(buffer.length, 4);
  return buffer;
}

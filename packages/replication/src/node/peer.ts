// One link to another node: who it is, that it knows the secret, that it is alive. What the words mean for roles and
// content is the node's.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Link, LinkHandler } from "../environment.ts";
import { FrameReader } from "../wire/frame-reader.ts";
import {
  HELLO_BYTES,
  MessageKind,
  OLDEST_VERSION,
  PROOF_BYTES,
  PROTOCOL_VERSION,
  readBye,
  readHello,
  writeBye,
  writeHello,
  writeProof,
  type Hello,
  type NodeState,
} from "../wire/messages.ts";
import type { Downstream } from "./downstream.ts";

/** The longest frame before the other side has proved itself. */
const MAX_GREETING_BYTES = HELLO_BYTES;

/** What a peer needs of the node that it belongs to. */
export interface PeerHost {
  readonly nodeId: string;
  readonly nodeIdBytes: Buffer;
  readonly secret: Uint8Array;
  /** Longest record or message that may come. */
  readonly maxFrameBytes: number;
  randomBytes(count: number): Buffer;
  nowMs(): number;
  /** We dialled and now know whom; false = the link is not needed and is closed. */
  onGreeted(peer: Peer): boolean;
  /** The other side has proved itself to us, the side that accepted; false = the link is not needed. */
  onProved(peer: Peer): boolean;
  /** Both sides have proved themselves. */
  onEstablished(peer: Peer): void;
  /** A message or record of an established peer, in `buffer[at, end)`. */
  onFrame(peer: Peer, kind: number, buffer: Buffer, at: number, end: number): void;
  /** All that one read brought has been handed on. */
  onBatch(peer: Peer): void;
  onDrain(peer: Peer): void;
  onPeerClosed(peer: Peer, reason: string): void;
  /** Somebody who may not attach. */
  onRefused(peer: Peer, reason: string): void;
  onError(what: string, error: unknown): void;
}

type Stage = "hello" | "proof" | "established" | "closed";

export class Peer implements LinkHandler {
  readonly link: Link;
  /** We dialled. */
  readonly dialled: boolean;
  /** 32 hexadecimal digits, after the hello. */
  nodeId = "";
  stage: Stage = "hello";
  /** What it last said of itself. */
  state: NodeState | undefined;
  /** When we last heard of it, and when the link was opened and established; `nowMs`. */
  heardMs: number;
  readonly openedMs: number;
  establishedMs = Infinity;
  /** The ends of both logs when the link was new, as each side told the other. */
  firstLogEnd = 0;
  ourFirstLogEnd = 0;
  /** End of its log as it last said. */
  offset = 0;
  /** How long bytes take to it and back, as the last heartbeat has shown. */
  roundTripMs = 0;
  /** Its last heartbeat: when it was sent by its own clock, in microseconds, and when it came; `nowMs`. */
  beatSentUs = 0;
  beatMs = 0;
  /** Set while it follows us. */
  downstream: Downstream | undefined;
  readonly #host: PeerHost;
  readonly #reader: FrameReader;
  readonly #hello: Hello;
  #theirs: Hello | undefined;

  constructor(host: PeerHost, link: Link, dialled: boolean) {
    this.#host = host;
    this.link = link;
    this.dialled = dialled;
    this.openedMs = host.nowMs();
    this.heardMs = this.openedMs;
    this.#reader = new FrameReader(MAX_GREETING_BYTES, this.#onFrame);
    this.#hello = {
      version: PROTOCOL_VERSION,
      oldestVersion: OLDEST_VERSION,
      features: 0,
      nodeId: host.nodeIdBytes,
      nonce: host.randomBytes(16),
    };
  }

  /** Begins; the side that dialled speaks first. */
  open(): void {
    this.link.open(this);
    if (this.dialled) this.link.write(writeHello(this.#hello));
  }

  get established(): boolean {
    return this.stage === "established";
  }

  send(message: Buffer): void {
    if (this.stage !== "closed") this.link.write(message);
  }

  /** Closes the link for a reason of ours; `onPeerClosed` follows at once. */
  close(reason: string): void {
    if (this.stage === "closed") return;
    const was = this.stage;
    this.stage = "closed";
    if (was === "established") this.link.write(writeBye(reason));
    this.link.close();
    this.#host.onPeerClosed(this, reason);
  }

  // ---- from the link ----

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.stage === "closed") return;
    this.heardMs = this.#host.nowMs();
    let fault: string | undefined;
    try {
      fault = this.#reader.push(buffer, start, end);
      if (this.established) this.#host.onBatch(this);
    } catch (error) {
      // Whatever the bytes have broken, they break this link alone.
      this.#host.onError(`link to ${this.link.remote}`, error);
      fault = "its bytes could not be handled";
    }
    if (fault !== undefined) this.#reject(fault);
  }

  onDrain(): void {
    if (this.established) this.#host.onDrain(this);
  }

  onClosed(reason: string): void {
    if (this.stage === "closed") return;
    this.stage = "closed";
    this.#host.onPeerClosed(this, reason);
  }

  // ---- greeting ----

  readonly #onFrame = (buffer: Buffer, at: number, end: number): boolean => {
    const kind = buffer[at]!;
    if (this.stage === "established") {
      if (kind === MessageKind.bye) this.close(`it said: ${readBye(buffer, at, end)}`);
      else this.#host.onFrame(this, kind, buffer, at, end);
    } else if (this.stage === "hello" && kind === MessageKind.hello) {
      this.#onHello(readHello(buffer, at, end));
    } else if (this.stage === "proof" && kind === MessageKind.proof && end - at === PROOF_BYTES) {
      this.#onProof(buffer.subarray(at + 8, end));
    } else {
      this.#reject(`message ${kind} in place of a greeting`);
    }
    return !this.#isClosed();
  };

  #isClosed(): boolean {
    return this.stage === "closed";
  }

  #onHello(hello: Hello | undefined): void {
    if (hello === undefined) {
      this.#reject("no hello of ours");
      return;
    }
    if (hello.version < OLDEST_VERSION || hello.oldestVersion > PROTOCOL_VERSION) {
      this.#reject(`version ${hello.version}, ${OLDEST_VERSION} to ${PROTOCOL_VERSION} are understood`);
      return;
    }
    this.#theirs = hello;
    this.nodeId = hello.nodeId.toString("hex");
    this.stage = "proof";
    if (!this.dialled) {
      this.link.write(writeHello(this.#hello));
    } else if (this.#host.onGreeted(this)) {
      this.link.write(writeProof(this.#proof(true)));
    } else {
      this.close("not needed");
    }
  }

  #onProof(proof: Buffer): void {
    if (!timingSafeEqual(proof, this.#proof(!this.dialled))) {
      this.#reject("wrong secret");
      return;
    }
    if (!this.dialled && !this.#host.onProved(this)) {
      this.close("not needed");
      return;
    }
    if (!this.dialled) this.link.write(writeProof(this.#proof(false)));
    this.stage = "established";
    this.establishedMs = this.#host.nowMs();
    this.#reader.maxBytes = this.#host.maxFrameBytes;
    this.#host.onEstablished(this);
  }

  /** What the side that dialled, or the other, has to send: over both hellos, nonces included, so that none serves twice. */
  #proof(ofDialler: boolean): Buffer {
    const [first, second] = this.dialled ? [this.#hello, this.#theirs!] : [this.#theirs!, this.#hello];
    return createHmac("sha256", this.#host.secret)
      .update(ofDialler ? "dialler" : "listener")
      .update(writeHello(first))
      .update(writeHello(second))
      .digest();
  }

  #reject(reason: string): void {
    if (this.stage !== "established") this.#host.onRefused(this, reason);
    this.close(reason);
  }
}

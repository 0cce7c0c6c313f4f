// A network in memory: links with delay, bytes that arrive in pieces, cuts that swallow everything until they heal. What
// a process has handed over arrives even if it dies, as with a kernel's socket; what it could not hand over is lost.

import type { Random } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import type { DialFailure, Link, LinkHandler, Network } from "../../src/environment.ts";
import type { TcpEndpoint } from "../../src/index.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

/** Bytes that a socket takes before it makes the sender wait. */
const SOCKET_BYTES = 64 * 1024;

interface Listener {
  readonly process: VirtualProcess;
  readonly host: string;
  readonly accept: (link: Link) => void;
}

export class VirtualNetwork {
  readonly time: VirtualTime;
  readonly random: Random;
  /** A link was reset while it still had to deliver what a process had handed over that is dead: as if its host had died. */
  hasLostLastWords = false;
  /** A link was reset while it had something to deliver. */
  hasLostBytes = false;
  readonly #listeners = new Map<string, Listener>();
  readonly #cuts = new Set<string>();
  /** Milliseconds that the way between two hosts takes longer. */
  readonly #slow = new Map<string, number>();
  readonly #links = new Set<HalfLink>();
  readonly #stuck = new Set<HalfLink>();

  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.random = random;
  }

  /** The network as a process on `host` sees it. */
  for(process: VirtualProcess, host: string): Network {
    return {
      dial: (endpoint, done) => this.#dial(process, host, endpoint, done),
      listen: (endpoint, accept) => {
        const name = `${endpoint.host}:${endpoint.port}`;
        const there = this.#listeners.get(name);
        if (there?.process.alive === true) return Promise.reject(new CacheError("address_in_use", `${name} is taken`));
        this.#listeners.set(name, { process, host, accept });
        return Promise.resolve({ port: endpoint.port, close: () => this.#listeners.delete(name) });
      },
    };
  }

  /** Nothing passes between two hosts until `heal`. */
  cut(a: string, b: string): void {
    this.#cuts.add(`${a} ${b}`).add(`${b} ${a}`);
  }

  /** The way between two hosts takes this much longer until `heal`. */
  slow(a: string, b: string, delayMs: number): void {
    this.#slow.set(`${a} ${b}`, delayMs).set(`${b} ${a}`, delayMs);
  }

  /** All is well again, between all hosts or between these two. */
  heal(a?: string, b?: string): void {
    for (const name of a === undefined ? [...this.#cuts, ...this.#slow.keys()] : [`${a} ${b}`, `${b} ${a}`]) {
      this.#cuts.delete(name);
      this.#slow.delete(name);
    }
    // TCP sends again what was not acknowledged.
    for (const link of [...this.#stuck]) {
      if (this.isCut(link.host, link.remoteHost)) continue;
      this.#stuck.delete(link);
      link.unstick();
    }
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has(`${a} ${b}`);
  }

  /** Resets all links of a host, as a firewall does that forgets them. */
  reset(host: string): void {
    for (const link of [...this.#links]) if (link.host === host) link.abort();
  }

  /** The process has died: its kernel says so to the other sides. */
  died(process: VirtualProcess): void {
    for (const [name, listener] of this.#listeners) if (listener.process === process) this.#listeners.delete(name);
    for (const link of [...this.#links]) if (link.process === process) link.end();
  }

  delay(from: string, to: string): number {
    return 0.1 + this.random.next() * 2 + (this.#slow.get(`${from} ${to}`) ?? 0);
  }

  /** What the link had to deliver meets a cut: it waits until that heals. */
  stick(link: HalfLink): void {
    this.#stuck.add(link);
  }

  #dial(
    process: VirtualProcess,
    host: string,
    endpoint: TcpEndpoint,
    done: (result: Link | DialFailure) => void,
  ): () => void {
    let cancelled = false;
    const finish = (result: Link | DialFailure) => {
      process.run(() => {
        if (!cancelled) done(result);
        else if (typeof result !== "string") result.close();
      });
    };
    const delay = () => this.delay(host, endpoint.host);
    this.time.at(this.time.nowMs + delay(), () => {
      // A cut swallows the dial; whoever dials gives up by itself.
      if (this.isCut(host, endpoint.host)) return;
      const listener = this.#listeners.get(`${endpoint.host}:${endpoint.port}`);
      if (listener?.process.alive !== true) {
        this.time.at(this.time.nowMs + delay(), () => {
          finish("refused");
        });
        return;
      }
      const near = new HalfLink(this, process, host, endpoint.host);
      const far = new HalfLink(this, listener.process, endpoint.host, host);
      near.other = far;
      far.other = near;
      for (const half of [near, far]) this.#links.add(half);
      // The kernel accepts, even for a process that stands still.
      listener.process.run(() => {
        listener.accept(far);
      });
      this.time.at(this.time.nowMs + delay(), () => {
        finish(near);
      });
    });
    return () => {
      cancelled = true;
    };
  }

  forget(link: HalfLink): void {
    this.#links.delete(link);
  }
}

/** One side of a link. */
class HalfLink implements Link {
  readonly process: VirtualProcess;
  readonly host: string;
  readonly remote: string;
  readonly remoteHost: string;
  other!: HalfLink;
  /** Handed over and not taken by the other side's kernel. */
  #inFlight = 0;
  #handler: LinkHandler | undefined;
  #early: (() => void)[] = [];
  #closed = false;
  #ended = false;
  #lastArrivalMs = 0;
  #mustDrain = false;
  #undelivered: (() => void)[] = [];
  readonly #network: VirtualNetwork;

  constructor(network: VirtualNetwork, process: VirtualProcess, host: string, remoteHost: string) {
    this.#network = network;
    this.process = process;
    this.host = host;
    this.remote = `${remoteHost}:1`;
    this.remoteHost = remoteHost;
  }

  get waiting(): number {
    return Math.max(0, this.#inFlight - SOCKET_BYTES);
  }

  write(bytes: Buffer): boolean {
    if (this.#closed) return false;
    const { random } = this.#network;
    for (let at = 0; at < bytes.length;) {
      const size = random.chance(0.25) ? random.between(1, bytes.length - at) : bytes.length - at;
      const piece = Buffer.from(bytes.subarray(at, at + size));
      at += size;
      this.#inFlight += size;
      this.#send(() => {
        this.other.#arrive(piece);
        this.#taken(size);
      });
    }
    if (this.waiting > 0) this.#mustDrain = true;
    return this.waiting === 0;
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    for (const deliver of this.#early.splice(0)) deliver();
  }

  close(): void {
    if (this.#closed) return;
    this.end();
    this.#closed = true;
    this.#network.forget(this);
  }

  /** This side sends no more; the other hears of it behind the last byte. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#network.forget(this);
    this.#send(() => {
      this.other.#gone("closed by the other side");
    });
  }

  /** Both sides lose the link at once. */
  abort(): void {
    for (const half of [this, this.other] as const) {
      if (half.#inFlight > 0) this.#network.hasLostBytes = true;
      if (half.#inFlight > 0 && !half.process.alive) this.#network.hasLostLastWords = true;
      half.#ended = true;
      this.#network.forget(half);
      half.#gone("reset");
    }
  }

  /** In order, each after a delay of its own. */
  #send(deliver: () => void): void {
    const { time } = this.#network;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.nowMs + this.#network.delay(this.host, this.remoteHost));
    time.at(this.#lastArrivalMs, () => {
      if (this.#undelivered.length === 0 && !this.#network.isCut(this.host, this.remoteHost)) {
        deliver();
        return;
      }
      this.#undelivered.push(deliver);
      this.#network.stick(this);
    });
  }

  /** The cut has healed. */
  unstick(): void {
    for (const deliver of this.#undelivered.splice(0)) deliver();
  }

  #arrive(piece: Buffer): void {
    this.#deliver(() => {
      if (!this.#closed) this.#handler!.onBytes(piece, 0, piece.length);
    });
  }

  #gone(reason: string): void {
    this.#deliver(() => {
      if (this.#closed) return;
      this.#closed = true;
      this.#ended = true;
      this.#network.forget(this);
      this.#handler!.onClosed(reason);
    });
  }

  #deliver(event: () => void): void {
    this.process.run(() => {
      if (this.#handler === undefined) this.#early.push(event);
      else event();
    });
  }

  #taken(size: number): void {
    this.#inFlight -= size;
    if (!this.#mustDrain || this.waiting > 0 || this.#closed) return;
    this.#mustDrain = false;
    this.process.run(() => {
      if (!this.#closed) this.#handler?.onDrain();
    });
  }
}

// A network inside the process: what is written on one side of a link arrives on the other in the next pass of the loop. An
// address can be cut off at once, as a killed process's is.

import type { DialFailure, Link, LinkHandler, Network } from "../environment.ts";
import type { TcpEndpoint } from "../options.ts";

class MemoryLink implements Link {
  readonly remote: string;
  readonly remoteHost: string;
  readonly waiting = 0;
  other: MemoryLink | undefined;
  #handler: LinkHandler | undefined;
  #arrived: Buffer[] = [];
  #isClosed = false;

  constructor(remote: TcpEndpoint) {
    this.remote = `${remote.host}:${remote.port}`;
    this.remoteHost = remote.host;
  }

  write(bytes: Buffer): boolean {
    const { other } = this;
    if (other === undefined || this.#isClosed) return true;
    setImmediate(() => {
      other.#take(bytes);
    });
    return true;
  }

  open(handler: LinkHandler): void {
    this.#handler = handler;
    for (const bytes of this.#arrived.splice(0)) handler.onBytes(bytes, 0, bytes.length);
  }

  close(): void {
    this.end("closed");
    const { other } = this;
    setImmediate(() => other?.end("closed"));
  }

  /** This side learns that the link is no more. */
  end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler?.onClosed(reason);
  }

  #take(bytes: Buffer): void {
    if (this.#isClosed) return;
    if (this.#handler === undefined) this.#arrived.push(bytes);
    else this.#handler.onBytes(bytes, 0, bytes.length);
  }
}

export class MemoryNetwork {
  readonly #listeners = new Map<number, (link: Link) => void>();
  readonly #links = new Set<{ readonly port: number; readonly dialler: MemoryLink; readonly accepted: MemoryLink }>();

  /** The network as the node at `own` uses it. */
  of(own: TcpEndpoint): Network {
    return {
      dial: (endpoint, done) => this.#dial(own, endpoint, done),
      listen: (endpoint, accept) => {
        this.#listeners.set(endpoint.port, accept);
        return Promise.resolve({ port: endpoint.port, close: () => this.#listeners.delete(endpoint.port) });
      },
    };
  }

  /** The process at an address is gone: nobody listens there, and its links end at the other side without a word. */
  cut({ port }: TcpEndpoint): void {
    this.#listeners.delete(port);
    for (const { dialler, accepted, port: listening } of this.#links) {
      dialler.other = undefined;
      accepted.other = undefined;
      (listening === port ? dialler : accepted).end("ECONNRESET");
    }
    this.#links.clear();
  }

  #dial(own: TcpEndpoint, to: TcpEndpoint, done: (result: Link | DialFailure) => void): () => void {
    let isCancelled = false;
    setImmediate(() => {
      if (isCancelled) return;
      const accept = this.#listeners.get(to.port);
      if (accept === undefined) {
        done("refused");
        return;
      }
      const [dialler, accepted] = [new MemoryLink(to), new MemoryLink(own)];
      dialler.other = accepted;
      accepted.other = dialler;
      this.#links.add({ port: to.port, dialler, accepted });
      accept(accepted);
      done(dialler);
    });
    return () => {
      isCancelled = true;
    };
  }
}

// One connection to a server, with every read bounded: send these bytes, expect those. Bytes are given and shown as
// latin1 strings or buffers; nothing here knows a protocol.

import { connect as dial, type Socket } from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";

/** Milliseconds a read may take when nothing is said. */
const DEADLINE_MS = 5000;

/** A connection that remembers what has arrived and not been read. */
export class TestConnection {
  readonly socket: Socket;
  readonly #endpoint: Endpoint;
  #chunks: Buffer[] = [];
  #ended = false;
  #failure: Error | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket, endpoint: Endpoint) {
    this.socket = socket;
    this.#endpoint = endpoint;
    const wake = () => {
      for (const woke of [...this.#waiting]) woke();
    };
    socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      wake();
    });
    socket.on("error", (error) => {
      this.#failure = error;
      this.#ended = true;
      wake();
    });
    for (const event of ["end", "close"] as const) {
      socket.on(event, () => {
        this.#ended = true;
        wake();
      });
    }
  }

  /** True when the other side has closed or reset the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Arrived and not read, without taking it. */
  get arrived(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  /** Bytes arrived and not read. */
  get arrivedBytes(): number {
    let bytes = 0;
    for (const chunk of this.#chunks) bytes += chunk.length;
    return bytes;
  }

  /** Hands bytes to the kernel; a string is latin1. Doesn't wait until they are sent. */
  send(bytes: string | Uint8Array): void {
    if (typeof bytes === "string") this.socket.write(bytes, "latin1");
    else this.socket.write(bytes);
  }

  /** Sends and fulfils when the kernel has it all. */
  async sendAll(bytes: string | Uint8Array): Promise<void> {
    const buffer = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    await new Promise<void>((resolve, reject) => {
      this.socket.write(buffer, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** Says that nothing more will be sent (FIN); answers still arrive. */
  finish(): void {
    this.socket.end();
  }

  /** Exactly `bytes` bytes. */
  async read(bytes: number, withinMs = DEADLINE_MS): Promise<Buffer> {
    await this.#until(
      () => this.arrivedBytes >= bytes,
      withinMs,
      () => `${bytes} bytes`,
    );
    return this.#take(bytes);
  }

  /** Up to and with `pattern`: fixed bytes (latin1) or a regular expression over the latin1 text. */
  async readUntil(pattern: string | RegExp, withinMs = DEADLINE_MS): Promise<string> {
    let end = -1;
    const found = () => {
      const text = this.arrived.toString("latin1");
      if (typeof pattern === "string") {
        const at = text.indexOf(pattern);
        end = at < 0 ? -1 : at + pattern.length;
      } else {
        const match = pattern.exec(text);
        end = match ? match.index + match[0].length : -1;
      }
      return end >= 0;
    };
    await this.#until(found, withinMs, () => JSON.stringify(String(pattern)));
    return this.#take(end).toString("latin1");
  }

  /** One line without its CRLF (or LF). */
  async readLine(withinMs = DEADLINE_MS): Promise<string> {
    return (await this.readUntil("\n", withinMs)).replace(/\r?\n$/, "");
  }

  /** All that arrives until the other side closes. A reset counts as a close. */
  async readToEnd(withinMs = DEADLINE_MS): Promise<Buffer> {
    await this.#until(
      () => this.#ended,
      withinMs,
      () => "the end of the connection",
    );
    return this.#take(this.arrivedBytes);
  }

  /** Sends a line (CRLF is added) and reads one. */
  async ask(line: string, withinMs = DEADLINE_MS): Promise<string> {
    this.send(line + "\r\n");
    return this.readLine(withinMs);
  }

  /** Fulfils at the next event: bytes, end, or `withinMs` milliseconds; false in the last case. */
  async activity(withinMs: number): Promise<boolean> {
    if (this.#ended) return true;
    return new Promise((resolve) => {
      const wake = (woken: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(woke);
        resolve(woken);
      };
      const woke = () => {
        wake(true);
      };
      const timer = setTimeout(wake, withinMs, false);
      this.#waiting.add(woke);
    });
  }

  /** Closes at once; fulfils when it is closed. Can be called twice. */
  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.socket.destroy();
    await closed;
  }

  async #until(done: () => boolean, withinMs: number, what: () => string): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!done()) {
      const seen = () => `after ${JSON.stringify(this.arrived.subarray(-200).toString("latin1"))}`;
      if (this.#ended) {
        const message = `${formatEndpoint(this.#endpoint)}: closed ${seen()} while waiting for ${what()}`;
        throw new CacheError("connection_lost", message, { cause: this.#failure });
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new CacheError(
          "timeout",
          `${formatEndpoint(this.#endpoint)}: no ${what()} within ${withinMs} ms, ${seen()}`,
        );
      }
      await this.activity(left);
    }
  }

  #take(bytes: number): Buffer {
    const all = this.arrived;
    this.#chunks = bytes < all.length ? [all.subarray(bytes)] : [];
    return all.subarray(0, bytes);
  }
}

/**
 * Connects to a TCP port or a Unix socket.
 *
 * The socket is half-open: after the other side ends, bytes can still be sent.
 *
 * @throws CacheError `connection_lost` (refused, no such socket) or `timeout`
 */
export async function connect(endpoint: Endpoint | number, withinMs = DEADLINE_MS): Promise<TestConnection> {
  const to: Endpoint = typeof endpoint === "number" ? { kind: "tcp", host: "127.0.0.1", port: endpoint } : endpoint;
  const socket = dial({
    ...(to.kind === "unix" ? { path: to.path } : { host: to.host, port: to.port }),
    allowHalfOpen: true,
    noDelay: true,
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new CacheError("timeout", `${formatEndpoint(to)} did not accept within ${withinMs} ms`));
    }, withinMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(new CacheError("connection_lost", `${formatEndpoint(to)}: ${error.message}`, { cause: error }));
    });
  });
  socket.removeAllListeners("connect");
  socket.removeAllListeners("error");
  return new TestConnection(socket, to);
}

// etcd's v3 API as JSON over HTTP, which every etcd from 3.4 on serves on its client port: the five calls that a lease
// needs, each with a deadline. No library: etcd's clients speak gRPC, and this is six requests.

import type { ClientRequest, IncomingMessage } from "node:http";
import { formatEndpoint } from "@marugoto/core";
import type { TcpEndpoint } from "../options.ts";

/** The longest answer that is read, in bytes; a lease's are below 1 KiB. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * node:http, loaded by the first gateway: it brings 16 MB with it, which a node without a coordinator need not hold. The
 * kernel takes a killed process's memory apart before it closes its connections: what a node holds, its takeover waits for.
 */
const http = () => process.getBuiltinModule("node:http");

/** What is read of etcd's answers. 64-bit numbers come as text, zeros and falses not at all. */
interface Answer {
  readonly header?: { readonly raft_term?: string; readonly revision?: string };
  readonly ID?: string;
  readonly TTL?: string;
  readonly succeeded?: boolean;
  readonly kvs?: readonly { readonly create_revision?: string; readonly value?: string; readonly lease?: string }[];
  readonly error?: unknown;
  readonly message?: unknown;
}

/** Who has the key of a group. */
export interface Holder {
  readonly nodeId: string;
  /** The lease under which the key was put. */
  readonly lease: string;
  /** The revision in which the key was made: grows with each holder. */
  readonly term: number;
}

/** A linearizable look at the key: a quorum has agreed to it. */
export interface Look {
  /** undefined = nobody. */
  readonly holder: Holder | undefined;
  /** The raft term of the member that answered. */
  readonly raftTerm: string;
}

export class EtcdGateway {
  readonly #endpoints: readonly TcpEndpoint[];
  readonly #timeoutMs: number;
  readonly #agent = new (http().Agent)({ keepAlive: true, maxSockets: 4 });
  readonly #open = new Set<ClientRequest>();
  /** The endpoint in use; the next one after a failure. */
  #current = 0;

  /** @param timeoutMs deadline of each call */
  constructor(endpoints: readonly TcpEndpoint[], timeoutMs: number) {
    this.#endpoints = endpoints;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns the lease's id, and its length in seconds, which etcd may have made longer than `ttlSec` */
  async grant(ttlSec: number): Promise<{ readonly lease: string; readonly ttlSec: number }> {
    const { ID, TTL } = await this.#call("lease/grant", { TTL: String(ttlSec) });
    if (ID === undefined || !(Number(TTL) > 0)) throw new Error("lease/grant: an answer without a lease");
    return { lease: ID, ttlSec: Number(TTL) };
  }

  /** @returns seconds that the lease lasts from now on, 0 = it has ended; and the raft term of who said so */
  async keepAlive(lease: string): Promise<{ readonly ttlSec: number; readonly raftTerm: string }> {
    const { TTL, header } = await this.#call("lease/keepalive", { ID: lease });
    return { ttlSec: Number(TTL ?? 0), raftTerm: header?.raft_term ?? "" };
  }

  /** Ends the lease; its key is gone. A lease that has ended already is no failure. */
  async revoke(lease: string): Promise<void> {
    try {
      await this.#call("lease/revoke", { ID: lease });
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("lease not found"))) throw error;
    }
  }

  /** Makes the key if nobody has it. @returns the term, or undefined when somebody has it */
  async create(key: string, nodeId: string, lease: string): Promise<number | undefined> {
    const name = base64(key);
    const answer = await this.#call("kv/txn", {
      compare: [{ key: name, target: "CREATE", result: "EQUAL", create_revision: "0" }],
      success: [{ request_put: { key: name, value: base64(nodeId), lease } }],
    });
    return answer.succeeded === true ? Number(answer.header?.revision) : undefined;
  }

  async look(key: string): Promise<Look> {
    const { kvs, header } = await this.#call("kv/range", { key: base64(key) });
    const [pair] = kvs ?? [];
    const holder = pair && {
      nodeId: Buffer.from(pair.value ?? "", "base64").toString(),
      lease: pair.lease ?? "0",
      term: Number(pair.create_revision),
    };
    return { holder, raftTerm: header?.raft_term ?? "" };
  }

  /**
   * Calls `onChange` whenever the key changes, until the watch breaks off.
   *
   * @param onEnd called once, when it has broken off
   * @returns the function that ends it
   */
  watch(key: string, onChange: () => void, onEnd: () => void): () => void {
    const watching = this.#request("watch", (response) => {
      response.on("data", onChange).on("error", () => undefined);
    });
    watching.on("error", () => undefined).on("close", onEnd);
    watching.end(JSON.stringify({ create_request: { key: base64(key) } }));
    return () => {
      watching.destroy();
    };
  }

  /** Goes on with the next endpoint. @returns false when that is the one it began with */
  next(): boolean {
    this.#current = (this.#current + 1) % this.#endpoints.length;
    return this.#current !== 0;
  }

  close(): void {
    for (const call of this.#open) call.destroy();
    this.#agent.destroy();
  }

  /** One call to one member. @throws Error that names the member and what went wrong */
  #call(path: string, body: object): Promise<Answer> {
    const { host, port } = this.#endpoint;
    const where = `etcd ${formatEndpoint(this.#endpoint)}: ${path}`;
    return new Promise((resolve, reject) => {
      const fail = (problem: string) => {
        clearTimeout(deadline);
        reject(new Error(`${where}: ${problem}`));
        call.destroy();
      };
      const call = this.#request(path, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          text += piece;
          if (text.length > MAX_ANSWER_BYTES) fail(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
        });
        response.on("error", (error) => {
          fail(error.message);
        });
        response.on("end", () => {
          const answer = parseAnswer(text);
          const problem = answer === undefined ? `no JSON, but ${JSON.stringify(text.slice(0, 80))}` : errorOf(answer);
          if (problem !== undefined || answer === undefined) {
            fail(problem ?? "");
            return;
          }
          clearTimeout(deadline);
          resolve(answer);
        });
      });
      const deadline = setTimeout(() => {
        fail(`no answer within ${this.#timeoutMs} ms`);
      }, this.#timeoutMs);
      call.on("error", (error: NodeJS.ErrnoException) => {
        // Several addresses of one name that all refuse have no message of their own.
        fail(error.message === "" ? (error.code ?? `${host}:${port} can't be reached`) : error.message);
      });
      call.end(JSON.stringify(body));
    });
  }

  #request(path: string, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const { host, port } = this.#endpoint;
    const headers = { "content-type": "application/json" };
    const call = http().request(
      { host, port, path: `/v3/${path}`, method: "POST", headers, agent: this.#agent },
      onResponse,
    );
    this.#open.add(call);
    call.once("close", () => this.#open.delete(call));
    return call;
  }

  get #endpoint(): TcpEndpoint {
    return this.#endpoints[this.#current]!;
  }
}

/** The object of an answer; of a streaming call's, the first result. undefined = it is none. */
function parseAnswer(text: string): Answer | undefined {
  try {
    const parsed = JSON.parse(text.split("\n", 1)[0] ?? "") as { readonly result?: Answer } & Answer;
    return typeof parsed === "object" ? (parsed.result ?? parsed) : undefined;
  } catch {
    return undefined; // The caller says what came instead.
  }
}

function errorOf({ error, message }: Answer): string | undefined {
  if (error === undefined) return undefined;
  if (typeof message === "string") return message;
  return typeof error === "string" ? error : JSON.stringify(error);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

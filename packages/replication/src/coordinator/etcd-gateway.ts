// etcd's v3 API as JSON over HTTP, which every etcd from 3.4 on serves on its client port: what a lease and the
// number beside it need, each call with a deadline. No library: etcd's clients speak gRPC, and this is six requests.

import type { ClientRequest, IncomingMessage } from "node:http";
import { formatEndpoint } from "@marugoto/core";
import { MAX_EPOCH } from "../node/history.ts";
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
  readonly kvs?: readonly Pair[];
  readonly error?: unknown;
  readonly message?: unknown;
}

interface Pair {
  readonly key?: string;
  readonly value?: string;
  readonly lease?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
}

/** Who has the key of a group. */
export interface Holder {
  readonly nodeId: string;
  /** The lease under which the key was put. */
  readonly lease: string;
  /** The revision in which the key was made: grows with each holder. */
  readonly term: number;
}

/** The epoch of the group's last master. */
interface LastEpoch {
  readonly epoch: number;
  /** The revision in which it was put, as etcd writes it: the same as long as nobody has put another. */
  readonly revision: string;
}

/** A linearizable look at a group, all at one revision: a quorum has agreed to it. */
export interface Look {
  /** undefined = nobody. */
  readonly holder: Holder | undefined;
  /** undefined = nobody has put one. */
  readonly last: LastEpoch | undefined;
  /** The raft term of the member that answered. */
  readonly raftTerm: string;
}

/** What is put into etcd under a lease. */
export interface Claim {
  readonly lease: string;
  readonly epoch: number;
  /** The last epoch when this one was drawn: where etcd has another by now, nothing is put. */
  readonly above: LastEpoch | undefined;
}

export class EtcdGateway {
  readonly #masterKey: string;
  /** Under no lease: what it says outlives every master. */
  readonly #epochKey: string;
  readonly #endpoints: readonly TcpEndpoint[];
  readonly #timeoutMs: number;
  readonly #agent = new (http().Agent)({ keepAlive: true, maxSockets: 4 });
  readonly #open = new Set<ClientRequest>();
  /** The endpoint in use; the next one after a failure. */
  #current = 0;

  /** @param group letters, digits, dots, dashes, underscores; `timeoutMs` is the deadline of each call */
  constructor(group: string, endpoints: readonly TcpEndpoint[], timeoutMs: number) {
    this.#masterKey = `marugoto/${group}/master`;
    this.#epochKey = `marugoto/${group}/epoch`;
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

  /**
   * Makes the group's key with its epoch, if nobody has it and the epoch was drawn above the last one.
   *
   * @returns the term, or undefined when one of these does not hold
   */
  async take(nodeId: string, claim: Claim): Promise<number | undefined> {
    const key = base64(this.#masterKey);
    const isFree = { key, target: "CREATE", result: "EQUAL", create_revision: "0" };
    const put = { request_put: { key, value: base64(nodeId), lease: claim.lease } };
    const answer = await this.#putEpoch(claim, isFree, [put]);
    return answer.succeeded === true ? Number(answer.header?.revision) : undefined;
  }

  /** Puts a higher epoch, if the group's key is still ours and the epoch was drawn above the last one. @returns whether */
  async raise(claim: Claim): Promise<boolean> {
    const isOurs = { key: base64(this.#masterKey), target: "LEASE", result: "EQUAL", lease: claim.lease };
    return (await this.#putEpoch(claim, isOurs, [])).succeeded === true;
  }

  async #putEpoch({ epoch, above }: Claim, condition: object, puts: readonly object[]): Promise<Answer> {
    // It would lock the whole group out until somebody repairs the key.
    if (epoch > MAX_EPOCH) throw new Error(`etcd: epoch ${epoch} is not put, for it is above ${MAX_EPOCH}`);
    const key = base64(this.#epochKey);
    // A key that is not there counts as put in revision 0.
    const isLast = { key, target: "MOD", result: "EQUAL", mod_revision: above?.revision ?? "0" };
    const put = { request_put: { key, value: base64(String(epoch)) } };
    return await this.#call("kv/txn", { compare: [condition, isLast], success: [...puts, put] });
  }

  async look(): Promise<Look> {
    const [from, to] = [this.#epochKey, this.#masterKey].map(base64);
    // The first key of a range and the one behind its last.
    const { kvs = [], header } = await this.#call("kv/range", { key: from, range_end: base64(`${this.#masterKey}\0`) });
    const master = kvs.find(({ key }) => key === to);
    const last = kvs.find(({ key }) => key === from);
    const holder = master && {
      nodeId: plain(master.value),
      lease: master.lease ?? "0",
      term: Number(master.create_revision),
    };
    return { holder, last: last && this.#lastEpoch(last), raftTerm: header?.raft_term ?? "" };
  }

  #lastEpoch({ value, mod_revision: revision }: Pair): LastEpoch {
    const digits = plain(value);
    const epoch = Number(digits);
    if (!/^\d{1,15}$/.test(digits) || epoch > MAX_EPOCH || revision === undefined) {
      throw new Error(`etcd: the key ${this.#epochKey} holds ${JSON.stringify(digits)}, which is no epoch`);
    }
    return { epoch, revision };
  }

  /**
   * Calls `onChange` whenever the group's key changes, until the watch breaks off.
   *
   * @param onEnd called once, when it has broken off
   * @returns the function that ends it
   */
  watch(onChange: () => void, onEnd: () => void): () => void {
    const watching = this.#request("watch", (response) => {
      response.on("data", onChange).on("error", () => undefined);
    });
    watching.on("error", () => undefined).on("close", onEnd);
    watching.end(JSON.stringify({ create_request: { key: base64(this.#masterKey) } }));
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

function plain(encoded: string | undefined): string {
  return Buffer.from(encoded ?? "", "base64").toString();
}

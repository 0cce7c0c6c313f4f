// As much of etcd as a lease needs, in this process, with faults on demand. Its leases run by the real clock; whoever
// holds one at a moment is known exactly.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Cleanup } from "@marugoto/testing";

interface Lease {
  readonly ttlSec: number;
  endsMs: number;
  timer: NodeJS.Timeout;
}

type Json = Readonly<Record<string, unknown>>;

export class FakeEtcd {
  port = 0;
  /** Requests are taken and not answered. */
  isHanging = false;
  /** Connections are closed at once. */
  isAway = false;
  /** The next answer of this path is lost, after the request has taken effect. */
  loseAnswerOf: string | undefined;
  /** Answers these bytes to everything. */
  garbage: string | undefined;
  raftTerm = 2;
  /** The raft term that `keepalive` answers; undefined = as the others. */
  staleTerm: number | undefined;
  /** Calls served, by path. */
  readonly calls = new Map<string, number>();
  readonly #leases = new Map<string, Lease>();
  readonly #keys = new Map<string, { value: string; lease: string; revision: number }>();
  readonly #watchers = new Set<ServerResponse>();
  #revision = 1;
  #nextLease = 1000;

  async start(opened: Cleanup): Promise<this> {
    const server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    opened.defer(() => {
      for (const { timer } of this.#leases.values()) clearTimeout(timer);
      server.closeAllConnections();
      server.close();
    });
    return this;
  }

  /** Whose key there is, as the node id; undefined = nobody's. */
  get holder(): string | undefined {
    const [pair] = this.#keys.values();
    return pair && Buffer.from(pair.value, "base64").toString();
  }

  /** The moment of `performance.now()` at which the lease of the key ends. */
  get endsMs(): number {
    const [pair] = this.#keys.values();
    return this.#leases.get(pair?.lease ?? "")?.endsMs ?? 0;
  }

  /** Somebody removes the key by hand. */
  deleteKeys(): void {
    this.#keys.clear();
    this.#changed();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += String(piece);
    const path = (request.url ?? "").replace(/^\/v3\//, "");
    this.calls.set(path, (this.calls.get(path) ?? 0) + 1);
    if (this.isHanging) return;
    if (this.isAway) {
      request.socket.destroy();
      return;
    }
    if (this.garbage !== undefined) {
      response.end(this.garbage);
      return;
    }
    if (path === "watch") {
      this.#watch(response);
      return;
    }
    const answer = this.#answer(path, JSON.parse(text) as Json);
    if (this.loseAnswerOf === path) {
      this.loseAnswerOf = undefined;
      request.socket.destroy();
      return;
    }
    if ("error" in answer) response.statusCode = 404;
    response.end(JSON.stringify(answer));
  }

  #answer(path: string, body: Json): Json {
    const header = { raft_term: String(this.raftTerm), revision: String(this.#revision) };
    switch (path) {
      case "lease/grant": {
        const ID = String(this.#nextLease++);
        const ttlSec = Number(body.TTL);
        this.#leases.set(ID, { ttlSec, endsMs: 0, timer: setTimeout(() => undefined) });
        this.#renew(ID);
        return { header, ID, TTL: String(ttlSec) };
      }
      case "lease/keepalive": {
        const ID = String(body.ID);
        const term = { raft_term: String(this.staleTerm ?? this.raftTerm) };
        return {
          result: { header: term, ID, ...(this.#renew(ID) ? { TTL: String(this.#leases.get(ID)?.ttlSec) } : {}) },
        };
      }
      case "lease/revoke":
        return this.#end(String(body.ID))
          ? { header }
          : { error: "x", message: "etcdserver: requested lease not found" };
      case "kv/range": {
        const pair = this.#keys.get(String(body.key));
        const kv = pair && { value: pair.value, lease: pair.lease, create_revision: String(pair.revision) };
        return { header, ...(kv ? { kvs: [kv], count: "1" } : {}) };
      }
      case "kv/txn":
        return this.#create(body);
    }
    return { error: `no ${path}`, message: `no ${path}` };
  }

  #create(body: Json): Json {
    const [put] = body.success as { request_put: { key: string; value: string; lease: string } }[];
    const { key, value, lease } = put!.request_put;
    if (this.#keys.has(key)) return { header: { revision: String(this.#revision) } };
    if (!this.#leases.has(lease)) return { error: "x", message: "etcdserver: requested lease not found" };
    this.#revision++;
    this.#keys.set(key, { value, lease, revision: this.#revision });
    this.#changed();
    return { header: { revision: String(this.#revision), raft_term: String(this.raftTerm) }, succeeded: true };
  }

  #renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    clearTimeout(lease.timer);
    lease.endsMs = performance.now() + lease.ttlSec * 1000;
    lease.timer = setTimeout(() => this.#end(id), lease.ttlSec * 1000);
    return true;
  }

  #end(id: string): boolean {
    clearTimeout(this.#leases.get(id)?.timer);
    if (!this.#leases.delete(id)) return false;
    for (const [key, { lease }] of this.#keys) if (lease === id) this.#keys.delete(key);
    this.#changed();
    return true;
  }

  #watch(response: ServerResponse): void {
    this.#watchers.add(response);
    response.on("close", () => this.#watchers.delete(response));
    response.write(`${JSON.stringify({ result: { created: true } })}\n`);
  }

  #changed(): void {
    if (this.isHanging || this.isAway) return;
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ result: { events: [{}] } })}\n`);
  }
}

// As much of etcd as a lease needs, in this process, with faults on demand. Its leases run by the real clock; whoever
// holds one at a moment is known exactly.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Cleanup } from "@marugoto/testing";

interface Lease {
  readonly ttlSec: number;
  endsMs: number;
  timer: NodeJS.Timeout;
}

interface Pair {
  readonly value: string;
  /** "0" = under none. */
  readonly lease: string;
  readonly createRevision: number;
  readonly modRevision: number;
}

interface Compare {
  readonly key: string;
  readonly target: "CREATE" | "MOD" | "LEASE";
  readonly create_revision?: string;
  readonly mod_revision?: string;
  readonly lease?: string;
}

interface Put {
  readonly request_put: { readonly key: string; readonly value: string; readonly lease?: string };
}

type Json = Readonly<Record<string, unknown>>;

const plain = (base64: string) => Buffer.from(base64, "base64").toString("latin1");

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
  /** Called before each call is served. */
  onCall: ((path: string) => void) | undefined;
  /** Calls served, by path. */
  readonly calls = new Map<string, number>();
  readonly #leases = new Map<string, Lease>();
  /** By key, as plain text. */
  readonly #keys = new Map<string, Pair>();
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
    const pair = this.#pair("master");
    return pair && plain(pair.value);
  }

  /** What lies beside it, as text; undefined = nothing. */
  get epoch(): string | undefined {
    const pair = this.#pair("epoch");
    return pair && plain(pair.value);
  }

  /** Somebody puts another epoch by hand, or removes it. */
  set epoch(value: string | undefined) {
    if (value === undefined) this.#keys.delete("marugoto/test/epoch");
    else this.#put("marugoto/test/epoch", Buffer.from(value).toString("base64"), "0", ++this.#revision);
  }

  #pair(name: string): Pair | undefined {
    return this.#keys.get(`marugoto/test/${name}`);
  }

  /** The moment of `performance.now()` at which the lease of the key ends. */
  get endsMs(): number {
    return this.#leases.get(this.#pair("master")?.lease ?? "")?.endsMs ?? 0;
  }

  /** Somebody removes the key by hand. */
  deleteKey(): void {
    this.#keys.delete("marugoto/test/master");
    this.#changed();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += String(piece);
    const path = (request.url ?? "").replace(/^\/v3\//, "");
    this.calls.set(path, (this.calls.get(path) ?? 0) + 1);
    this.onCall?.(path);
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
        const [from, end] = [plain(String(body.key)), plain(String(body.range_end))];
        const kvs = [...this.#keys]
          .filter(([key]) => key >= from && key < end)
          .map(([key, { value, lease, createRevision, modRevision }]) => ({
            ...{ key: Buffer.from(key).toString("base64"), value },
            ...{ create_revision: String(createRevision), mod_revision: String(modRevision) },
            ...(lease === "0" ? {} : { lease }),
          }));
        return { header, ...(kvs.length > 0 ? { kvs, count: String(kvs.length) } : {}) };
      }
      case "kv/txn":
        return this.#transact(body.compare as readonly Compare[], body.success as readonly Put[]);
    }
    return { error: `no ${path}`, message: `no ${path}` };
  }

  /** All puts if all comparisons hold, else none. */
  #transact(compares: readonly Compare[], puts: readonly Put[]): Json {
    if (!compares.every((compare) => this.#holds(compare))) return { header: { revision: String(this.#revision) } };
    const leases = puts.map(({ request_put: put }) => put.lease ?? "0").filter((lease) => lease !== "0");
    if (!leases.every((lease) => this.#leases.has(lease)))
      return { error: "x", message: "etcdserver: requested lease not found" };
    this.#revision++;
    for (const { request_put: put } of puts) this.#put(plain(put.key), put.value, put.lease ?? "0", this.#revision);
    this.#changed();
    return { header: { revision: String(this.#revision), raft_term: String(this.raftTerm) }, succeeded: true };
  }

  /** A key that is not there has 0 for everything. */
  #holds({ key, target, ...wanted }: Compare): boolean {
    const pair = this.#keys.get(plain(key));
    switch (target) {
      case "CREATE":
        return String(pair?.createRevision ?? 0) === wanted.create_revision;
      case "MOD":
        return String(pair?.modRevision ?? 0) === wanted.mod_revision;
      case "LEASE":
        return (pair?.lease ?? "0") === wanted.lease;
    }
  }

  #put(key: string, value: string, lease: string, revision: number): void {
    const createRevision = this.#keys.get(key)?.createRevision ?? revision;
    this.#keys.set(key, { value, lease, createRevision, modRevision: revision });
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

// Asks the DNS. Behind an interface, so that a follower can be tested without one.

import { Resolver } from "node:dns/promises";
import { CacheError } from "@marugoto/core";

/** A target of an SRV record. */
export interface ServiceRecord {
  /** A host name without its last dot. */
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

export interface NameResolver {
  /** All A and AAAA records. @throws when there is none, or no answer within `timeoutMs` */
  addresses(name: string, timeoutMs: number): Promise<readonly string[]>;
  /** All SRV records. @throws when there is none, or no answer within `timeoutMs` */
  services(name: string, timeoutMs: number): Promise<readonly ServiceRecord[]>;
}

/** The DNS itself; /etc/hosts is not looked at. */
export class DnsResolver implements NameResolver {
  readonly #servers: readonly string[] | undefined;

  /** @param servers `address` or `address:port` of DNS servers; default: those of this machine */
  constructor(servers?: readonly string[]) {
    this.#servers = servers;
  }

  async addresses(name: string, timeoutMs: number): Promise<readonly string[]> {
    return this.#withDeadline(name, timeoutMs, async (resolver) => {
      const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const found = [v4, v6].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      if (found.length > 0) return found;
      throw v4.status === "rejected" ? v4.reason : new CacheError("no_server", `${name} has no address`);
    });
  }

  async services(name: string, timeoutMs: number): Promise<readonly ServiceRecord[]> {
    return this.#withDeadline(name, timeoutMs, async (resolver) => {
      const records = await resolver.resolveSrv(name);
      return records.map(({ name: host, port, weight }) => ({ host: host.replace(/\.$/, ""), port, weight }));
    });
  }

  /** One look-up that is cancelled when its time is over. */
  async #withDeadline<T>(name: string, timeoutMs: number, look: (resolver: Resolver) => Promise<T>): Promise<T> {
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
    if (this.#servers !== undefined) resolver.setServers(this.#servers);
    const wait = { isOver: false };
    const timer = setTimeout(() => {
      wait.isOver = true;
      resolver.cancel();
    }, timeoutMs);
    try {
      return await look(resolver);
    } catch (cause) {
      const why = wait.isOver
        ? `no answer within ${timeoutMs} ms`
        : cause instanceof Error
          ? cause.message
          : String(cause);
      throw new CacheError(wait.isOver ? "timeout" : "no_server", `${name}: ${why}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

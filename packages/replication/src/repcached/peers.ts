// Who may attach: the named peer, or without one, programs of this host. Addresses only; a repcached proves nothing.

import { lookup } from "node:dns/promises";

const LOOPBACK = /^(127\.|::1$)/;

/** An IPv4 address that arrives over IPv6 is the IPv4 address. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

export class PermittedPeers {
  readonly #host: string | undefined;
  #addresses: ReadonlySet<string> = new Set();

  /** @param host name or address of the one peer; undefined = only loopback addresses are permitted */
  constructor(host: string | undefined) {
    this.#host = host;
  }

  /** Whether this address may attach, as far as is known without looking the name up again. */
  knows(address: string): boolean {
    if (this.#host === undefined) return LOOPBACK.test(plain(address));
    return this.#addresses.has(plain(address));
  }

  /** Looks the name up, and says whether this address may attach. A name without an address permits nobody. */
  async permits(address: string): Promise<boolean> {
    if (this.#host === undefined || this.knows(address)) return this.knows(address);
    try {
      const found = await lookup(this.#host, { all: true });
      this.#addresses = new Set(found.map((entry) => plain(entry.address)));
    } catch {
      return false; // Whoever dials the same name is told why.
    }
    return this.knows(address);
  }
}

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

  /** Looks the name up again. @throws Error when it has no address; the addresses known before stay */
  async refresh(): Promise<void> {
    if (this.#host === undefined) return;
    const found = await lookup(this.#host, { all: true });
    this.#addresses = new Set(found.map(({ address }) => plain(address)));
  }

  permits(address: string): boolean {
    if (this.#host === undefined) return LOOPBACK.test(plain(address));
    return this.#addresses.has(plain(address));
  }
}

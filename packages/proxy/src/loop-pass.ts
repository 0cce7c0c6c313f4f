// Gathers what is to be written during one pass of the event loop, so that each connection gets one write however many
// requests or answers came for it. It runs behind the pass's reads: the requests to servers first, then the answers.

/** Something with bytes to send. It enters itself once per pass. */
export interface Flushable {
  flush(): void;
}

export class LoopPass {
  #scheduled = false;
  #servers: (() => void)[] = [];
  #clients: Flushable[] = [];
  #otherClients: Flushable[] = [];

  /** For `PoolOptions.schedule`: writes what waits for the servers of a pool. */
  readonly addServers = (flush: () => void): void => {
    this.#servers.push(flush);
    this.#schedule();
  };

  addClient(client: Flushable): void {
    this.#clients.push(client);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const servers = this.#servers;
    const clients = this.#clients;
    this.#clients = this.#otherClients;
    this.#otherClients = clients;
    this.#scheduled = false;
    // What a client's flush sets going (it may go on reading) belongs to the next pass.
    for (let i = 0; i < servers.length; i++) servers[i]!();
    servers.length = 0;
    for (let i = 0; i < clients.length; i++) clients[i]!.flush();
    clients.length = 0;
  };
}

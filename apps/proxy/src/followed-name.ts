// A name that stands for a pool's servers: what it stands for now, and word when that changes.

import { Follower, type FollowConfig, type NameResolver, type PoolConfig, type ServerConfig } from "@marugoto/proxy";
import { Level, type Log } from "./log.ts";

export class FollowedName {
  readonly config: FollowConfig;
  /** Empty until the first look-up that succeeds. */
  servers: readonly ServerConfig[] = [];
  readonly #follower: Follower;
  #started = false;

  /** @param onChange called when the servers change after `start` */
  constructor(
    { name: pool, line }: PoolConfig,
    config: FollowConfig,
    log: Log,
    onChange: () => void,
    resolver?: NameResolver,
  ) {
    this.config = config;
    const { name } = config;
    this.#follower = new Follower({
      config,
      line,
      ...(resolver === undefined ? {} : { resolver }),
      onServers: (servers) => {
        this.servers = servers;
        log.write(Level.notice, "servers-found", { pool, name, servers: servers.map(sayServer) });
        if (this.#started) onChange();
      },
      onError: (error) => {
        log.write(Level.warning, "lookup-failed", { pool, name, reason: error });
      },
    });
  }

  /** Looks once, and from then on again and again. */
  async start(): Promise<void> {
    await this.#follower.start();
    this.#started = true;
  }

  close(): void {
    this.#follower.close();
  }
}

function sayServer({ name, address }: ServerConfig): string {
  return name === address ? name : `${name}@${address}`;
}

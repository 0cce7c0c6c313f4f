// The configuration in force: the file's, with the servers that its names stand for now. When either changes, the proxy is
// told; a change that can't be used leaves everything as it is, and the log says why.

import { CacheError } from "@marugoto/core";
import { parseConfig, type NameResolver, type Proxy, type ProxyConfig } from "@marugoto/proxy";
import { readConfigText } from "./config-file.ts";
import { FollowedName } from "./followed-name.ts";
import { Level, type Log } from "./log.ts";

/** A file's configuration, and for each pool that follows a name what it found. */
interface State {
  readonly text: string;
  readonly config: ProxyConfig;
  readonly names: ReadonlyMap<string, FollowedName>;
}

export class LiveConfig {
  readonly #file: string;
  readonly #log: Log;
  readonly #resolver: NameResolver | undefined;
  #state: State;
  /** The last text that was refused, so that it is not refused again for each event of its folder. */
  #refused: string | undefined;
  #proxy: Pick<Proxy, "reload"> | undefined;
  #turn = Promise.resolve();

  /**
   * Reads the file.
   *
   * @param resolver default: the DNS of this machine
   * @throws CacheError `invalid_option` that names the file, the line, the key and what is wrong
   */
  constructor(file: string, log: Log, resolver?: NameResolver) {
    this.#file = file;
    this.#log = log;
    this.#resolver = resolver;
    const text = readConfigText(file);
    this.#state = { text, config: parseConfig(text, file), names: new Map() };
  }

  /**
   * Looks up the names that pools follow.
   *
   * @returns what the proxy is to start with
   * @throws CacheError `no_server` when a pool that names no servers has found none
   */
  async start(): Promise<ProxyConfig> {
    const { text, config } = this.#state;
    this.#state = await this.#prepare(text, config);
    return this.#merged(this.#state);
  }

  /** From now on, changes go to `proxy`. */
  attach(proxy: Pick<Proxy, "reload">): void {
    this.#proxy = proxy;
  }

  /** Ends all look-ups. */
  close(): void {
    for (const name of this.#state.names.values()) name.close();
  }

  /**
   * Reads the file again, and uses it if it is right. Never rejects.
   *
   * @param why for the log
   * @param always also when its text is the same
   */
  reload(why: string, always = false): Promise<void> {
    return this.#inTurn(why, async () => {
      const text = readConfigText(this.#file);
      if (!always && (text === this.#state.text || text === this.#refused)) return;
      this.#refused = text;
      const before = this.#state;
      const next = await this.#prepare(text, parseConfig(text, this.#file));
      try {
        await this.#proxy?.reload(this.#merged(next), why);
      } catch (error) {
        closeOthers(next, before);
        throw error;
      }
      this.#state = next;
      this.#refused = undefined;
      closeOthers(before, next);
    });
  }

  /** Starts to follow the names of a configuration; one that is followed already goes on. */
  async #prepare(text: string, config: ProxyConfig): Promise<State> {
    const names = new Map<string, FollowedName>();
    const starts: Promise<void>[] = [];
    for (const pool of config.pools) {
      const { follow } = pool.discovery;
      if (follow === undefined) continue;
      const known = this.#state.names.get(pool.name);
      if (known !== undefined && JSON.stringify(known.config) === JSON.stringify(follow)) {
        names.set(pool.name, known);
        continue;
      }
      const why = `name ${follow.name}`;
      const onChange = () => void this.#inTurn(why, () => this.#found(why));
      const name = new FollowedName(pool, follow, this.#log, onChange, this.#resolver);
      names.set(pool.name, name);
      starts.push(name.start());
    }
    await Promise.all(starts);
    return { text, config, names };
  }

  async #found(why: string): Promise<void> {
    await this.#proxy?.reload(this.#merged(this.#state), why);
  }

  /** @throws CacheError `no_server` for a pool without servers */
  #merged({ config, names }: State): ProxyConfig {
    const pools = config.pools.map((pool) => {
      const found = names.get(pool.name)?.servers ?? [];
      const servers = found.length > 0 ? found : pool.servers;
      if (servers.length > 0) return { ...pool, servers };
      const name = pool.discovery.follow?.name ?? "";
      throw new CacheError("no_server", `${this.#file}:${pool.line}: pool ${pool.name}: ${name} gave no servers`);
    });
    return { ...config, pools };
  }

  /** One change after the other; one that fails is logged. */
  #inTurn(why: string, change: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(change).catch((error: unknown) => {
      this.#log.write(Level.error, "reload-failed", { why, reason: error });
    });
    return this.#turn;
  }
}

/** Ends what `state` follows and `other` doesn't. */
function closeOthers(state: State, other: State): void {
  const kept = new Set(other.names.values());
  for (const name of state.names.values()) if (!kept.has(name)) name.close();
}

// The story of the two posts, told to one program: a server of three is lost and comes back, then is lost once more. An
// application with a database behind the cache reads and writes all the time, and counts what it is served.

import {
  Cleanup,
  connect,
  eventually,
  spawnMemcached,
  startFaultProxy,
  type FaultProxy,
  type ServerProcess,
} from "@marugoto/testing";
import type { CacheProgram, StartProgram } from "./programs.ts";

const KEYS = Array.from({ length: 300 }, (_, i) => `key${i}`);

/** What the application saw when it read every key once. */
export interface Reading {
  /** Values older than what the database had. */
  readonly stale: number;
  /** Keys that had to be read from the database. */
  readonly database: number;
}

export interface Told {
  readonly program: string;
  /** Keys that the lost server had. */
  readonly share: number;
  /** While it is away, after its loss was noticed. */
  readonly away: Reading;
  /** When it is back. */
  readonly back: Reading;
  /** When it is away for the second time. */
  readonly awayAgain: Reading;
  /**
   * At the end of each step, on which servers three keys were, and as what: `a` and `c` of the lost server, `b` of
   * another, as in the posts.
   */
  readonly places: readonly (readonly [a: string, b: string, c: string])[];
}

/** How the server comes back: as the process it was, or as a new one. */
export type Return = "with its data" | "empty";

export async function tellStory(start: StartProgram, how: Return): Promise<Told> {
  const opened = new Cleanup();
  try {
    return await new Story(opened).tell(start, how);
  } finally {
    await opened.run();
  }
}

class Story {
  readonly #opened: Cleanup;
  readonly #servers: ServerProcess[] = [];
  readonly #links: FaultProxy[] = [];
  /** Key → its value now. */
  readonly #database = new Map<string, string>();

  constructor(opened: Cleanup) {
    this.#opened = opened;
  }

  async tell(start: StartProgram, how: Return): Promise<Told> {
    for (let i = 0; i < 4; i++) {
      const server = this.#opened.add(await spawnMemcached({ args: ["-m", "16"] }));
      this.#servers.push(server);
      this.#links.push(this.#opened.add(await startFaultProxy(server.port)));
    }
    const ports = this.#links.map(({ port }) => port);
    const program = await start(this.#opened, ports.slice(0, 3), ports[3]!);
    const lost = this.#links[2]!;

    await this.#writeAll(program, "1");
    const held = await this.#heldBy(2);
    const elsewhere = KEYS.filter((key) => !held.includes(key));
    const [a, b, c] = [held[0], elsewhere[0], held[1]];
    if (a === undefined || b === undefined || c === undefined) throw new Error(`${program.name} uses one server only`);
    const placesNow = async () => [await this.#copiesOf(a), await this.#copiesOf(b), await this.#copiesOf(c)] as const;
    const places = [await placesNow()];

    this.#cut(lost);
    await this.#readAll(program); // The loss is noticed.
    await this.#writeAll(program, "2");
    const away = await this.#readAll(program);
    places.push(await placesNow());

    if (how === "empty") {
      const { port } = this.#servers[2]!;
      await this.#servers[2]!.close();
      this.#servers[2] = this.#opened.add(await spawnMemcached({ args: ["-m", "16", "-p", String(port)] }));
    }
    await this.#heal(program, lost, a);
    const back = await this.#readAll(program);
    places.push(await placesNow());

    await this.#writeAll(program, "3");
    this.#cut(lost);
    const first = await this.#readAll(program);
    const then = await this.#readAll(program);
    places.push(await placesNow());
    const awayAgain = { stale: first.stale + then.stale, database: first.database + then.database };
    return { program: program.name, share: held.length, away, back, awayAgain, places };
  }

  #cut(link: FaultProxy): void {
    link.refuse = true;
    link.cut();
  }

  /** The server can be reached; waits until the program sends it requests again. */
  async #heal(program: CacheProgram, link: FaultProxy, key: string): Promise<void> {
    link.heal();
    const before = await this.#gets(2);
    await eventually(
      async () => {
        await program.get([key]);
        return (await this.#gets(2)) > before;
      },
      { withinMs: 20_000, everyMs: 50 },
    );
  }

  /** Changes every row of the database, and the cache with it. */
  async #writeAll(program: CacheProgram, value: string): Promise<void> {
    for (const key of KEYS) this.#database.set(key, value);
    await program.set(KEYS.map((key) => [key, value] as const));
  }

  /** Reads every key; what the cache does not have is read from the database and stored. */
  async #readAll(program: CacheProgram): Promise<Reading> {
    const values = await program.get(KEYS);
    const stale = values.filter((value, i) => value !== undefined && value !== this.#database.get(KEYS[i]!)).length;
    const missing = KEYS.filter((_, i) => values[i] === undefined);
    await program.set(missing.map((key) => [key, this.#database.get(key)!] as const));
    return { stale, database: missing.length };
  }

  // ---- what the servers have, asked past every program ----

  async #heldBy(server: number): Promise<string[]> {
    const answer = await this.#ask(server, `get ${KEYS.join(" ")}\r\n`);
    return Array.from(answer.matchAll(/^VALUE (\S+) /gm), ([, key = ""]) => key);
  }

  async #copiesOf(key: string): Promise<string> {
    const copies: string[] = [];
    for (const server of [0, 1, 2]) {
      const value = await this.#valueOn(server, key);
      if (value !== undefined) copies.push(`${"ABC"[server]!}=${value}`);
    }
    // A gutter has it under a longer name.
    const dump = await this.#ask(3, "lru_crawler metadump all\r\n");
    for (const [, name = ""] of dump.matchAll(/^key=(\S+)/gm)) {
      const stored = decodeURIComponent(name);
      if (!stored.endsWith(key)) continue;
      const value = await this.#valueOn(3, stored);
      if (value !== undefined) copies.push(`gutter=${value}`);
    }
    return copies.join(" ");
  }

  async #valueOn(server: number, key: string): Promise<string | undefined> {
    return /^VALUE \S+ \d+ \d+\r\n(.*)\r\n/.exec(await this.#ask(server, `get ${key}\r\n`))?.[1];
  }

  async #gets(server: number): Promise<number> {
    return Number(/^STAT cmd_get (\d+)/m.exec(await this.#ask(server, "stats\r\n"))?.[1]);
  }

  async #ask(server: number, command: string): Promise<string> {
    const connection = await connect(this.#servers[server]!.endpoint);
    connection.send(command);
    const answer = await connection.readUntil(/^END\r\n/m);
    await connection.close();
    return answer;
  }
}

/** The stories as a table. */
export function sayTable(how: Return, told: readonly Told[]): string {
  const head = ["", "a", "b", "c", "stale", "from the database"];
  const rows = told.flatMap(({ program, share, away, back, awayAgain, places }) => [
    [`${program}; C has ${share} of ${KEYS.length} keys`],
    ["  all written", ...shown(places[0])],
    ["  C is lost, all written, all read", ...shown(places[1]), ...counted(away)],
    [`  C is back ${how}, all read`, ...shown(places[2]), ...counted(back)],
    ["  all written, C is lost, all read twice", ...shown(places[3]), ...counted(awayAgain)],
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows.filter((row) => row.length > 1)].map((row) => (row[column] ?? "").length)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function shown(places: Told["places"][number] | undefined): string[] {
  return (places ?? []).map((copies) => (copies === "" ? "nowhere" : copies));
}

function counted({ stale, database }: Reading): string[] {
  return [String(stale), String(database)];
}

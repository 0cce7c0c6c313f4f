// What a node holds, read as any client would read it, and how two nodes differ.

import { CacheError } from "@marugoto/core";
import { connect } from "@marugoto/testing";

interface Held {
  /** Flags, bytes and cas number, and the value, as text. */
  readonly item: string;
  /** Unix seconds; -1 = never. */
  readonly expires: number;
}

/** Keys asked for with one command. */
const KEYS_AT_ONCE = 100;

/** Two clocks, and a second that begins between two looks. */
const EXPIRY_TOLERANCE_SEC = 1;

/**
 * The content of a node. Values have no line ends.
 *
 * @throws CacheError `protocol_violation` when keys that were listed are not found
 */
export async function readContent(port: number): Promise<ReadonlyMap<string, Held>> {
  const connection = await connect(port);
  try {
    connection.send("lru_crawler metadump all\r\n");
    const dump = await connection.readUntil(/(^|\n)END\r\n/, 60_000);
    const expiries = new Map<string, number>();
    for (const [, key = "", expires = ""] of dump.matchAll(/^key=(\S+) exp=(-?\d+) /gm)) {
      expiries.set(decodeURIComponent(key), Number(expires));
    }
    const keys = [...expiries.keys()];
    const content = new Map<string, Held>();
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      connection.send(`gets ${keys.slice(at, at + KEYS_AT_ONCE).join(" ")}\r\n`);
      const text = await connection.readUntil(/(^|\n)END\r\n/, 20_000);
      for (const [, key = "", rest = "", value = ""] of text.matchAll(/^VALUE (\S+) (\d+ \d+ \d+)\r\n(.*)\r$/gm)) {
        content.set(key, { item: `${rest} ${value}`, expires: expiries.get(key) ?? 0 });
      }
    }
    if (content.size !== keys.length) {
      throw new CacheError("protocol_violation", `${keys.length} keys are listed, ${content.size} are found`);
    }
    return content;
  } finally {
    await connection.close();
  }
}

/** Keys that one of the two has and the other has not, or that differ in flags, cas, value or expiry. */
export function differences(a: ReadonlyMap<string, Held>, b: ReadonlyMap<string, Held>): string[] {
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].filter((key) => {
    const [mine, theirs] = [a.get(key), b.get(key)];
    if (mine === undefined || theirs === undefined) return true;
    return mine.item !== theirs.item || Math.abs(mine.expires - theirs.expires) > EXPIRY_TOLERANCE_SEC;
  });
}

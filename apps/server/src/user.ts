// -u: gives up root for another user, after the listeners are open. Without -u a server started by root stays root;
// memcached refuses that, but in a container root is the usual user and the flag would only be noise.

import { execFileSync } from "node:child_process";
import { CacheError } from "@marugoto/core";

/**
 * Looks up who to become. Only root can become anybody: for others, and for root itself, there is nothing to do, as in
 * memcached.
 *
 * @param user a name or number; undefined when -u was not given
 * @returns the function that does it
 * @throws CacheError when there is no such user
 */
export function userToBecome(user: string | undefined): () => void {
  if (user === undefined || user === "root" || process.getuid?.() !== 0) return () => undefined;
  const id = (which: "-u" | "-g") => {
    try {
      return Number(execFileSync("id", [which, "--", user], { encoding: "utf8", stdio: "pipe" }));
    } catch (cause) {
      throw new CacheError("invalid_option", `-u is ${user}: there is no such user`, { cause });
    }
  };
  const [userId, groupId] = [id("-u"), id("-g")];
  return () => {
    process.setgroups?.([groupId]);
    process.setgid?.(groupId);
    process.setuid?.(userId);
  };
}

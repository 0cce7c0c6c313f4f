// The file of -c: read, checked, and watched.

import { readFileSync, realpathSync, unwatchFile, watch, watchFile, type FSWatcher } from "node:fs";
import { dirname } from "node:path";
import { CacheError } from "@marugoto/core";
import { parseConfig, type ProxyConfig } from "@marugoto/proxy";
import { DEFAULT_CONFIG_FILE } from "./settings.ts";

/** @throws CacheError `invalid_option` that names the file and what is wrong */
export function readConfigText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const hint = file === DEFAULT_CONFIG_FILE ? "; name one with -c" : "";
    const why = code === "ENOENT" ? `there is no such file${hint}` : (code ?? message);
    throw new CacheError("invalid_option", `${file}: ${why}`, { cause });
  }
}

/** @throws CacheError `invalid_option` that names the file, the line, the key and what is wrong */
export function loadConfigFile(file: string): ProxyConfig {
  return parseConfig(readConfigText(file), file);
}

/** Writers take their time: a file is read when nothing has happened for so long, in ms. */
const SETTLE_MS = 200;

/** Where the system can't tell, the file is looked at so often, in ms. */
const POLL_MS = 2000;

/**
 * Calls `onChange` after something has happened where the file lies: not for each event, and perhaps without a change of
 * the text. The folder is watched, because editors and Kubernetes put a new file in the place of the old one.
 *
 * @returns the function that ends it
 */
export function watchConfigFile(file: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, SETTLE_MS);
    timer.unref();
  };
  const folders = new Set([dirname(file), dirname(realpathSync(file))]);
  const watchers: FSWatcher[] = [];
  let polls = false;
  const poll = () => {
    if (polls) return;
    polls = true;
    watchFile(file, { interval: POLL_MS, persistent: false }, settle);
  };
  for (const folder of folders) {
    try {
      // A watch that ends, say because its folder is gone, is followed by looking.
      watchers.push(watch(folder, { persistent: false }, settle).on("error", poll));
    } catch {
      poll(); // No watches left, or none on this file system.
    }
  }
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    if (polls) unwatchFile(file, settle);
  };
}

// The file of -p: the process id and a line end, gone again when the proxy ends.

import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { wrong } from "./flags.ts";
import { reason } from "./log.ts";

/**
 * Whether `writePidFile` will be able to write it. Until the proxy listens the file is left alone: it may be that of
 * another one, which listens where this one wants to.
 *
 * @throws CacheError `invalid_option` when it will not
 */
export function checkPidFile(path: string): void {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
  } catch (error) {
    throw wrong(`-p ${path}: ${reason(error)}`);
  }
}

/** Writes the file. @returns the function that removes it. @throws Error when it can't be written */
export function writePidFile(path: string): () => void {
  writeFileSync(path, `${process.pid}\n`);
  return () => {
    rmSync(path, { force: true });
  };
}

// The file of -P: the process id and a line end, gone again when the server ends.

import { rmSync, writeFileSync } from "node:fs";

/** Writes the file. @returns the function that removes it. @throws Error when it can't be written */
export function writePidFile(path: string): () => void {
  writeFileSync(path, `${process.pid}\n`);
  return () => {
    try {
      rmSync(path, { force: true });
    } catch {
      // Root wrote its folder and -u has given root up since: memcached leaves the file then, too.
    }
  };
}

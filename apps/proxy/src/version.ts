// The versions the binary tells.

import manifest from "../package.json" with { type: "json" };

/** The program's own version, as the stats port tells it. */
export const VERSION = manifest.version;

/** What `-V` prints. */
export const VERSION_LINE = `${manifest.name} ${VERSION}`;

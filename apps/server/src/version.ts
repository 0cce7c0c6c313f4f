// The two versions the binary tells: its own, and the one that clients of the protocol read.

import manifest from "../package.json" with { type: "json" };

/** What `-V` prints. */
export const VERSION_LINE = `${manifest.name} ${manifest.version}`;

/** What the `version` command answers: the memcached it speaks like comes first, for clients that compare numbers. */
export const PROTOCOL_VERSION = `1.6.45-marugoto.${manifest.version}`;

// The versions the binary tells.

import manifest from "../package.json" with { type: "json" };

/**
 * What `version` answers to clients. The number before the dash is the memcached whose protocol is spoken: libmemcached
 * takes a server below 1 for broken, others look whether there are meta commands.
 */
export const PROTOCOL_VERSION = `1.6.45-marugoto-proxy.${manifest.version}`;

/** The program's own version, as the stats port tells it. */
export const VERSION = manifest.version;

/** What `-V` prints. */
export const VERSION_LINE = `${manifest.name} ${VERSION}`;

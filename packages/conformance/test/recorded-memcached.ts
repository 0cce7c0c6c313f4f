// The installed memcached, where its answers are known. Another version may answer otherwise in a hundred small ways
// without anything being wrong; that is for whoever records it.

import { memcachedVersion, useOracle, type OracleUse } from "@marugoto/testing";
import { differences, isRecorded, REFERENCE, toDialect } from "../src/index.ts";

/** Looks for memcached in a version that the cases know. */
export function useRecordedMemcached(what: string): OracleUse {
  return useOracle("memcached", what, (path) => {
    const version = memcachedVersion(path);
    if (isRecorded(toDialect(version))) return undefined;
    const known = [REFERENCE, ...new Set(differences.map((one) => one.of))].filter((one) => one !== "marugoto");
    return `memcached ${version} is none of the recorded versions ${known.join(", ")}; MEMCACHED_BIN can name one`;
  });
}

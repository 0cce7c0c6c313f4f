// libmemcached's virtual buckets: a table from the low bits of the hash to servers.

/**
 * Source: libmemcached 1.1.4, virtual_bucket.cc.
 *
 * @param hash    any 32 bits
 * @param buckets server of each bucket; a length that is no power of two leaves some buckets unused, as it does there.
 *                Without a table: the hash and (servers - 1), which for 3 servers yields only 0 and 2
 * @param servers how many servers there are
 */
export function virtualBucket(hash: number, buckets: Uint32Array | undefined, servers: number): number {
  return buckets ? buckets[hash & (buckets.length - 1)]! : hash & (servers - 1);
}

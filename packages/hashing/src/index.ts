export {
  phpMemcache,
  PhpMemcachePlacement,
  type PhpMemcacheOptions,
  type PhpMemcacheServer,
} from "./presets/php-memcache.ts";
export {
  phpMemcached,
  PhpMemcachedPlacement,
  type PhpMemcachedCalls,
  type PhpMemcachedConfig,
  type PhpMemcachedOptions,
} from "./presets/php-memcached.ts";
export {
  type LibmemcachedDistribution,
  type MemcachedStep,
  type PhpMemcachedServer,
} from "./presets/memcached-steps.ts";
export {
  parseTwemproxyServer,
  twemproxy,
  TwemproxyPlacement,
  type TwemproxyOptions,
  type TwemproxyServer,
} from "./presets/twemproxy.ts";
export {
  rendezvous,
  RendezvousPlacement,
  type RendezvousOptions,
  type RendezvousServer,
} from "./presets/rendezvous.ts";
export { jump, JumpPlacement, type JumpOptions } from "./presets/jump.ts";
export { NO_SERVER, type Placement, type PlacementServer } from "./placement.ts";
export { plan, type Plan, type PlanMove, type PlanServer } from "./plan.ts";

export { Ring, RingPoints } from "./distributions/ring.ts";
export { jumpHash } from "./distributions/jump.ts";

export { toUint32, type Char, type Hash } from "./hashes/hash.ts";
export { libmemcachedHash, twemproxyHash, type LibmemcachedHash, type TwemproxyHash } from "./hashes/by-name.ts";
export { crc16, crc16Unmasked } from "./hashes/crc16.ts";
export { crc32, crc32Fold, fold15 } from "./hashes/crc32.ts";
export { fnv1_32, fnv1_64, fnv1a_32, fnv1a_64 } from "./hashes/fnv.ts";
export { hsieh } from "./hashes/hsieh.ts";
export { lookup3 } from "./hashes/lookup3.ts";
export { md5, md5Words } from "./hashes/md5.ts";
export { murmur2 } from "./hashes/murmur2.ts";
export { mix32, murmur3, murmur3Seeded } from "./hashes/murmur3.ts";
export { oneAtATime } from "./hashes/one-at-a-time.ts";

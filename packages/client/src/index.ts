export { Client, createClient } from "./client.ts";
export { type CallOptions, type ClientOptions, type CounterOptions, type WriteOptions } from "./client-options.ts";
export { Memcache, type MemcacheOptions, type MemcacheServerOptions } from "./php/memcache.ts";
export { Memcached, type MemcachedOptions } from "./php/memcached.ts";
export { ResultCode } from "./php/result-codes.ts";
export { type GetOrSetOptions, type Loader } from "./get-or-set.ts";
export { Namespace, type NamespaceOptions } from "./namespace.ts";
export { ManyValues, type KeyFailure, type ManyWrites } from "./operation/many.ts";
export { type LeaseResult, type OnFailure, type StoreResult, type WithCas } from "./operation/results.ts";
export { type Key, type KeyPolicy } from "./operation/keys.ts";
export { type Ttl } from "./operation/ttl.ts";

// ---- values ----
export { type EncodedValue, type ValueCodec } from "./values/codec.ts";
export { nodeValues, type NodeValueOptions } from "./values/node.ts";
export {
  MEMCACHE_COMPRESSED,
  phpMemcacheValues,
  type PhpMemcacheValueOptions,
  type PhpMemcacheValues,
} from "./values/php-memcache.ts";
export {
  memcachedTypes,
  memcachedUserFlags,
  phpMemcachedValues,
  type PhpMemcachedValueOptions,
  type SerializerPlugin,
} from "./values/php-memcached.ts";
export { type PhpValueOptions } from "./values/php-options.ts";
export { PhpEnum, PhpFloat, PhpObject, type PhpKey } from "./values/php-types.ts";

// ---- failover ----
export { CircuitPolicy, type CircuitOptions } from "./failover/circuit.ts";
export { LibmemcachedPolicy, type LibmemcachedOptions } from "./failover/libmemcached.ts";
export { PeclMemcachePolicy, type PeclMemcacheOptions } from "./failover/pecl-memcache.ts";
export {
  Operation,
  Refusal,
  type FailoverPolicy,
  type FailureReason,
  type PoolClock,
  type PoolServer,
  type Trail,
} from "./failover/failover.ts";

export {
  recoveryPlan,
  type RecoveryMove,
  type RecoveryOptions,
  type RecoveryPlan,
  type StaleCopies,
} from "./recovery/recovery-plan.ts";
export {
  type LikeMarugoto,
  type LikePhpMemcache,
  type LikePhpMemcached,
  type LikeTwemproxy,
  type RecoveryLike,
  type RecoveryServer,
} from "./recovery/programs.ts";

// ---- the pool and its lower door ----
export { Pool, type SendOptions } from "./pool/pool.ts";
export { type PoolEvents } from "./pool/events.ts";
export { type Limits, type PoolOptions, type ServerOptions, type ServerSpec, type Timeouts } from "./pool/options.ts";
export { Expect, type Sink } from "./connection/sink.ts";
export { type TextAuthentication } from "./connection/connection.ts";
export { type SocketOptions } from "./connection/dial.ts";
export { commandChannel, connectChannel, type CommandTrace, type ConnectTrace } from "./tracing.ts";

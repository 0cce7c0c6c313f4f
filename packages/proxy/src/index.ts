// One door. Users name first what they configure and start.

export { createProxy, type Proxy, type ProxyOptions } from "./proxy.ts";
export { type ProxyEvents, type RejoinWay } from "./events.ts";

// ---- configuration ----
export { parseConfig, readConfig, sayProblem, type ConfigReading } from "./config/load.ts";
export { configKeys, type ConfigKey } from "./config/reference.ts";
export { toPlacement } from "./config/placement.ts";
export { type ConfigProblem } from "./config/reader.ts";
export {
  type AnswerConfig,
  type BackendConfig,
  type DiscoveryConfig,
  type FailoverConfig,
  type FollowConfig,
  type GutterConfig,
  type LeaseConfig,
  type LimitConfig,
  type ListenConfig,
  type PhpMemcachedPlacementConfig,
  type PhpMemcachePlacementConfig,
  type PlacementConfig,
  type PoolConfig,
  type ProxyConfig,
  type RejoinConfig,
  type ServerConfig,
  type TimeoutConfig,
  type TwemproxyPlacementConfig,
} from "./config/types.ts";

// ---- discovery ----
export { Follower, type FollowerOptions } from "./discovery/follower.ts";
export { DnsResolver, type NameResolver, type ServiceRecord } from "./discovery/resolver.ts";

// ---- statistics ----
export { poolFields, serverFields, toNutcrackerJson, type StatsHead } from "./stats/nutcracker-json.ts";
export { StatsPort } from "./stats/stats-port.ts";
export {
  type PoolCounters,
  type PoolStats,
  type ProxyStats,
  type ProxyStatsSource,
  type ServerCounters,
} from "./stats/types.ts";

// ---- previews ----
export { changePlan, sayChange, type PoolChange } from "./preview/change-plan.ts";
export { poolRecoveryPlan, recoveryPrograms, type RecoveryProgram } from "./preview/recovery.ts";
export { whereIs, type Whereabouts } from "./preview/where.ts";

// One door. Users name first what they configure and start.

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

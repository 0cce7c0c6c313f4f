export { Cleanup, type Closeable } from "./cleanup.ts";
export { connect, TestConnection } from "./connection.ts";
export { eventually, within, type EventuallyOptions } from "./eventually.ts";
export { FakeClock } from "./fake-clock.ts";
export { spawnEtcd } from "./etcd.ts";
export { FaultProxy, startFaultProxy, type Direction, type Faults } from "./fault-proxy.ts";
export { spawnMarugotoServer, type MarugotoServerOptions } from "./marugoto-server.ts";
export { memcachedVersion, spawnMemcached, type MemcachedOptions } from "./memcached.ts";
export { OldServer, startOldServer } from "./old-server.ts";
export {
  describeSkips,
  findOracle,
  readSkips,
  useOracle,
  type Oracle,
  type OracleName,
  type OracleUse,
  type Skip,
} from "./oracles.ts";
export { freePort, readPortFile, temporaryFolder } from "./ports.ts";
export { freshSeed, seededRandom, type Random } from "./random.ts";
export { appCommand, builtApp, repositoryRoot, type AppCommand } from "./repository.ts";
export { repcachedVersion, spawnRepcached, type RepcachedOptions } from "./repcached.ts";
export { ServerProcess, spawnServer, type Exit, type SpawnOptions } from "./server-process.ts";

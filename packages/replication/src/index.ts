export { createReplication } from "./create.ts";
export { rehearse } from "./rehearsal.ts";
export type { Replication } from "./replication.ts";
export type { ReplicationEvents, Role } from "./events.ts";
export {
  DEFAULT_REPLICATION_PORT,
  defaults,
  resolveOptions,
  type ReplicationOptions,
  type TcpEndpoint,
} from "./options.ts";
export type { Coordinator, CoordinatorEvents, DrawEpoch } from "./coordinator/coordinator.ts";
export { createCoordinator } from "./coordinator/etcd-coordinator.ts";

export { createServer, type Server } from "./server.ts";
export { defaults, MIN_MEMORY_BYTES, SERVER_VERSION, type ListenerOptions, type ServerOptions } from "./options.ts";
export type { DisconnectReason, ServerEvents } from "./events.ts";
export type { Admission, Decision, ServerHooks, TakenOver } from "./hooks.ts";
export { MutationKind, type AppliedMutation, type Mutation } from "./mutation.ts";
export { Session, SessionState } from "./session.ts";
export { StatRows } from "./stats/rows.ts";
export type { Accept, ByteHandler, Transport } from "./transport/transport.ts";

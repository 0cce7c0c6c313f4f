// Tracing channels of node:diagnostics_channel, in the names and shapes that Node's other clients use. Without a
// subscriber a call pays for one look at a field.

import { tracingChannel } from "node:diagnostics_channel";

/** What subscribers of `marugoto:client:command` get; Node adds `result` or `error` when the call has ended. */
export interface CommandTrace {
  /** As the method is called: `get`, `setMany` … */
  readonly operation: string;
  /** How many keys it is for. */
  readonly keyCount: number;
  /** The only key, when `traceKeys` is set. Keys often name people: they are left out unless asked for. */
  readonly key?: string;
}

/** One call of the public API: `tracing:marugoto:client:command:start`, `…:asyncEnd`, `…:error` and so on. */
export const commandChannel = tracingChannel<unknown, CommandTrace>("marugoto:client:command");

/** True when anybody listens. */
export function isTraced(): boolean {
  const { start, end, asyncStart, asyncEnd, error } = commandChannel;
  return (
    start.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers
  );
}

/** Runs `call` and tells the channel of its begin, end and error. */
export async function trace<T>(context: CommandTrace, call: () => Promise<T>): Promise<T> {
  return commandChannel.tracePromise(call, context);
}

// Tracing channels of node:diagnostics_channel, in the names and shapes that Node's other clients use. Without a
// subscriber a call pays for one look at a field.

import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";

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

/** What subscribers of `marugoto:client:connect` get; Node adds `error` when the try has failed. */
export interface ConnectTrace {
  /** The server's name. */
  readonly server: string;
  /** `host:port` or the path. */
  readonly address: string;
}

/** One try to connect, from dialling to the end of the handshake: `tracing:marugoto:client:connect:start` and so on. */
export const connectChannel = tracingChannel<unknown, ConnectTrace>("marugoto:client:connect");

/** True when anybody listens to commands. */
export function isTraced(): boolean {
  return hasSubscribers(commandChannel);
}

function hasSubscribers({ start, end, asyncStart, asyncEnd, error }: TracingChannel<unknown, object>): boolean {
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

/** How a try to connect has ended. */
export interface ConnectEnd {
  ready(): void;
  failed(error: Error): void;
}

/** Tells the channel of a try to connect; undefined when nobody listens. */
export function traceConnect(context: ConnectTrace): ConnectEnd | undefined {
  if (!hasSubscribers(connectChannel)) return undefined;
  let end: ConnectEnd | undefined;
  const connected = new Promise<void>((resolve, reject) => {
    end = { ready: resolve, failed: reject };
  });
  connectChannel
    .tracePromise(() => connected, context)
    .catch(() => {
      // The channel has told it, and whoever waits for the connection hears of it in another way.
    });
  return end;
}

// Two proxies on one pool, one of which alone loses a server: what the tests of that need.

import { type Cleanup, startFaultProxy, type FaultProxy } from "@marugoto/testing";
import type { PoolConfig } from "../../src/config/types.ts";
import { named, startProxy, startServer, type RunningProxy } from "./bench.ts";

/** Starts a server. */
export type Start = () => Promise<{ readonly port: number }>;

export interface TwoProxies {
  readonly fault: FaultProxy;
  /** The first has the fault between itself and the first server. */
  readonly proxies: readonly [RunningProxy, RunningProxy];
}

export async function startTwo(
  opened: Cleanup,
  mode: "eject" | "gutter",
  start: Start = () => startServer(opened),
  overrides: Partial<PoolConfig> = {},
): Promise<TwoProxies> {
  const servers = [await start(), await start(), await start()] as const;
  const gutters = mode === "gutter" ? [(await start()).port] : [];
  const fault = opened.add(await startFaultProxy(servers[0].port));
  const pool: Partial<PoolConfig> = {
    failover: { mode, failureLimit: 2, retryMs: 200 },
    timeouts: { connectMs: 1000, requestMs: 2000, idleMs: Infinity },
    ...(mode === "gutter" ? { gutter: { servers: named(...gutters), ttlSec: 3600 } } : {}),
    ...overrides,
  };
  const others = [servers[1].port, servers[2].port];
  return {
    fault,
    proxies: [
      await startProxy(opened, named(fault.port, ...others), pool),
      await startProxy(opened, named(servers[0].port, ...others), pool),
    ],
  };
}

/** Cuts the first proxy off the first server. */
export function cut({ fault }: TwoProxies): void {
  fault.refuse = true;
  fault.cut();
}

/** The next such event of a proxy. */
export function happens(
  { proxy }: RunningProxy,
  event: "ledgerOpened" | "ledgerFollowed" | "ledgerClosed" | "serverBack",
): Promise<unknown> {
  return new Promise((resolve) => proxy.events.on(event, resolve));
}

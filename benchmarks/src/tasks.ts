// What there is to run: the benches and soaks by name. README.md has a section for the result of each.

import { clientBench } from "./bench/client.ts";
import { hashingBench } from "./bench/hashing.ts";
import { memoryBench } from "./bench/memory.ts";
import { proxyBench } from "./bench/proxy.ts";
import { replicationBench } from "./bench/replication.ts";
import { serverBench } from "./bench/server.ts";
import { clientChaos } from "./soak/client-chaos.ts";
import { clientKeys } from "./soak/client-keys.ts";
import { fuzzDiff } from "./soak/fuzz-diff.ts";
import { fuzzServerSoak } from "./soak/fuzz-server.ts";
import { idleConnections } from "./soak/idle-connections.ts";
import { proxyChaos } from "./soak/proxy-chaos.ts";
import { proxyIdle } from "./soak/proxy-idle.ts";
import { proxyOutage } from "./soak/proxy-outage.ts";
import { proxyReload } from "./soak/proxy-reload.ts";
import { replicationSoaks } from "./soak/replication/index.ts";
import { slowReaders } from "./soak/slow-readers.ts";
import type { Task } from "./task.ts";

export const families: Readonly<Record<string, Readonly<Record<string, Task>>>> = {
  bench: {
    server: serverBench,
    memory: memoryBench,
    client: clientBench,
    hashing: hashingBench,
    replication: replicationBench,
    proxy: proxyBench,
  },
  soak: {
    "fuzz-server": fuzzServerSoak,
    "fuzz-diff": fuzzDiff,
    "slow-readers": slowReaders,
    "idle-connections": idleConnections,
    "client-chaos": clientChaos,
    "client-keys": clientKeys,
    "proxy-chaos": proxyChaos,
    "proxy-idle": proxyIdle,
    "proxy-outage": proxyOutage,
    "proxy-reload": proxyReload,
    ...replicationSoaks,
  },
};

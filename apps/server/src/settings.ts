// What the command line says, before it becomes the options of a server: the flags that only the process cares about
// (daemon, user, files) beside those that the server gets.

import { DEFAULT_MAX_ITEM_BYTES, DEFAULT_MEMORY_BYTES, DEFAULT_PORT } from "@marugoto/core";
import type { ServerOptions } from "@marugoto/server";
import { defaultReplicationSettings, type ReplicationSettings } from "./replication-settings.ts";

/** A mutable draft of the server's options: flags fill it in one by one. */
type Draft = { -readonly [Key in keyof ServerOptions]?: ServerOptions[Key] };

export interface Settings {
  /** Asked for in place of serving. */
  show: "help" | "version" | undefined;
  /** TCP port; -1 = any free one, 0 = no TCP, undefined = not said. */
  port: number | undefined;
  /** UDP port as `port`; anything but 0 is refused, except under `testSwitch`. */
  udpPort: number;
  /** `host` or `host:port`, in the order given. */
  listen: string[];
  socketPath: string | undefined;
  /** Permission bits of the Unix socket. */
  socketMode: number;
  daemon: boolean;
  pidFile: string | undefined;
  user: string | undefined;
  protocol: "auto" | "ascii" | "binary";
  memoryBytes: number;
  maxItemBytes: number;
  /** `-t` as given. */
  threads: number | undefined;
  verbosity: number;
  /** `-o relaxed_privileges`, which nothing but memcached's own tests passes. */
  testSwitch: boolean;
  /** Sub-options of -o that are understood and change nothing here. */
  withoutEffect: string[];
  /** What the flags of replication say. */
  replication: ReplicationSettings;
  /** What goes to the server as it is. */
  server: Draft;
}

export function defaultSettings(): Settings {
  return {
    show: undefined,
    port: undefined,
    udpPort: 0,
    listen: [],
    socketPath: undefined,
    socketMode: 0o700,
    daemon: false,
    pidFile: undefined,
    user: undefined,
    protocol: "auto",
    memoryBytes: DEFAULT_MEMORY_BYTES,
    maxItemBytes: DEFAULT_MAX_ITEM_BYTES,
    threads: undefined,
    verbosity: 0,
    testSwitch: false,
    withoutEffect: [],
    replication: defaultReplicationSettings(),
    server: {},
  };
}

/** The TCP port when neither -p nor -l names one. */
export const FALLBACK_PORT = DEFAULT_PORT;

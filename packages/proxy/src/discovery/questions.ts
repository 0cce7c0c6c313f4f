// What a client may ask about the cluster, and what a pool answers: itself, or the servers behind it.

import { DEFAULT_PORT, parseEndpoint, type Endpoint } from "@marugoto/core";
import type { PoolConfig } from "../config/types.ts";
import { CLUSTER_KEY, clusterValue, configAnswer } from "./cluster-answer.ts";

const CONFIG_GET = Buffer.from("config get cluster", "latin1");
const KEY = Buffer.from(CLUSTER_KEY, "latin1");
const CR = 0x0d;
const LF = 0x0a;

/** Whether the line `bytes[start, end)`, with its end or without, is `config get cluster`. */
export function isConfigGet(bytes: Uint8Array, start: number, end: number): boolean {
  let to = end;
  while (to > start && (bytes[to - 1] === LF || bytes[to - 1] === CR)) to--;
  return equals(CONFIG_GET, bytes, start, to);
}

/** Whether the key `bytes[start, end)` is the one under which older clients `get` the same. Allocates nothing. */
export function isClusterKey(bytes: Uint8Array, start: number, end: number): boolean {
  return equals(KEY, bytes, start, end);
}

/**
 * @param form "config" for `config get cluster`, "get" for a get of the cluster's key
 * @param version of the configuration in force; it rises with every change
 * @param local where the client's connection was accepted, `host:port` or a path
 * @returns the whole answer; undefined when the pool does not answer such questions
 */
export function answerCluster(
  { discovery: { answer }, servers }: PoolConfig,
  form: "config" | "get",
  version: number,
  local: string,
): Buffer | undefined {
  if (answer === undefined) return undefined;
  const nodes = answer.nodes === "servers" ? servers.map(({ endpoint }) => endpoint) : [itself(local)];
  return form === "config" ? configAnswer(version, nodes) : clusterValue(version, nodes);
}

/** An IPv4 address that a listener of both kinds has written as one of IPv6 is told as it is. */
function itself(local: string): Endpoint {
  const endpoint = parseEndpoint(local, DEFAULT_PORT);
  return endpoint.kind === "unix" ? endpoint : { ...endpoint, host: endpoint.host.replace(/^::ffff:(?=\d+\.)/i, "") };
}

function equals(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}

// What auto-discovery clients (those of Amazon ElastiCache) ask a configuration endpoint, and its answers. Which nodes are
// told is the caller's business.

import type { Endpoint } from "@marugoto/core";

/** The key under which clients of older engines `get` the same body. */
export const CLUSTER_KEY = "AmazonElastiCache:cluster";

/**
 * The answer to `config get cluster`.
 *
 * Form: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html
 *
 * @param version a whole number that rises whenever the nodes change: clients keep what they have until it does
 * @param nodes TCP endpoints; Unix sockets are left out, no client could dial them
 */
export function configAnswer(version: number, nodes: readonly Endpoint[]): Buffer {
  const body = clusterBody(version, nodes);
  return Buffer.from(`CONFIG cluster 0 ${Buffer.byteLength(body)}\r\n${body}\r\nEND\r\n`, "utf8");
}

/** The same as the answer to `get AmazonElastiCache:cluster`. */
export function clusterValue(version: number, nodes: readonly Endpoint[]): Buffer {
  const body = clusterBody(version, nodes);
  return Buffer.from(`VALUE ${CLUSTER_KEY} 0 ${Buffer.byteLength(body)}\r\n${body}\r\nEND\r\n`, "utf8");
}

/** The version, then `host|ip|port` of each node; a host that is an address has its IP told, others leave it empty. */
function clusterBody(version: number, nodes: readonly Endpoint[]): string {
  const items = nodes.flatMap((node) => {
    if (node.kind === "unix") return [];
    const ip = /^[\d.]+$|:/.test(node.host) ? node.host : "";
    return [`${node.host}|${ip}|${node.port}`];
  });
  return `${version}\n${items.join(" ")}\n`;
}

import { expect, test } from "vitest";
import { parseCoordinatorAddress } from "../../src/coordinator/address.ts";

const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });

test.each([
  ["etcd://127.0.0.1:2379/web", { endpoints: [tcp("127.0.0.1", 2379)], group: "web", ttlSec: 3 }],
  [
    "etcd://a,b:23,[::1]:24/g-1.x_y",
    { endpoints: [tcp("a", 2379), tcp("b", 23), tcp("::1", 24)], group: "g-1.x_y", ttlSec: 3 },
  ],
  ["etcd://a/g?ttl=10", { endpoints: [tcp("a", 2379)], group: "g", ttlSec: 10 }],
])("%s", (text, expected) => {
  expect(parseCoordinatorAddress(text)).toEqual(expected);
});

test.each([
  ["zookeeper://a/g", "write etcd://"],
  ["etcd://a", "write etcd://"],
  ["etcd:///g", "write etcd://"],
  ["etcd://a/g/h", "write etcd://"],
  ["etcd://a/g h", 'the group is "g h"'],
  ["etcd://a:99999/g", "port is 99999, at most 65535"],
  ["etcd://a:b/g", "is not an address"],
  ["etcd://a,,b/g", "is not an address"],
  ["etcd://a/g?ttl=0", 'ttl is "0", must be a whole number of seconds from 1 to 3600'],
  ["etcd://a/g?ttl=1.5", 'ttl is "1.5"'],
])("%s is refused: %s", (text, problem) => {
  expect(() => parseCoordinatorAddress(text)).toThrow(`coordinator "${text}": `);
  expect(() => parseCoordinatorAddress(text)).toThrow(problem);
});

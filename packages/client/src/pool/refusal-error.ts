// What a caller hears when the rules of failover name no server.

import { CacheError } from "@marugoto/core";
import { Refusal } from "../failover/failover.ts";

/**
 * @param why a `Refusal`
 * @param address of the server that owns the key
 */
export function refusalError(why: number, address: string, cause?: CacheError): CacheError {
  const options = cause === undefined ? undefined : { cause };
  switch (why) {
    case Refusal.connectionLost:
      return new CacheError("connection_lost", `${address}: the connection was found dead`, options);
    case Refusal.timeout:
      return new CacheError("timeout", `${address}: has not answered in time`, options);
    case Refusal.serverDead:
      return new CacheError("server_dead", `${address}: marked dead and taken out of the pool`, options);
    case Refusal.serverDisabled:
      return new CacheError("server_disabled", `${address}: failed a short time ago and is not asked yet`, options);
    default:
      return new CacheError("no_server", "no server for this key", options);
  }
}

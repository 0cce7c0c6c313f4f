// `stats conns`: one group of rows per connection, by our own ids where memcached shows file descriptors.

import type { ServerCore } from "../server-core.ts";
import { SessionState, type Session } from "../session.ts";
import type { StatRows } from "./rows.ts";

/** @param asking the session that wants to know */
export function addConns(core: ServerCore, rows: StatRows, asking: Session): void {
  for (const session of core.sessions) {
    const { id, transport } = session;
    rows.add(`${id}:addr`, transport.remote);
    rows.add(`${id}:listen_addr`, transport.local);
    rows.add(`${id}:state`, session === asking ? "conn_parse_cmd" : stateOf(session));
    rows.add(`${id}:secs_since_last_cmd`, core.clock.seconds - session.lastCommandAt);
  }
}

/** In memcached's words, the nearest that says the same. */
function stateOf(session: Session): string {
  if (session.closingSince !== 0) return "conn_closing";
  if (session.state === SessionState.draining) return "conn_mwrite";
  if (session.state === SessionState.parked) return "conn_waiting";
  return session.midRequest ? "conn_nread" : "conn_read";
}

// Values too large to be copied into the output: they are sent from where they lie in the store, which keeps their
// place until the transport is done with them.

import type { Session } from "../session.ts";

/** Values above this are pinned, not copied. */
export const PINNED_BYTES = 64 * 1024;

const CRLF = Buffer.from("\r\n");

/** Queues the item's value and its `\r\n` behind what the session has written. */
export function pinValue(session: Session, item: number): void {
  const { store } = session.core;
  const pin = store.pin(item);
  session.writePinned({
    pieces: [...store.pinnedPieces(pin), CRLF],
    release: () => {
      store.unpin(pin);
    },
  });
}

// One try to reach a peer, with a deadline. What a connection is good for is the caller's to say.

import { connect, type Socket } from "node:net";
import { formatEndpoint } from "@marugoto/core";
import type { TcpEndpoint } from "../options.ts";

export interface DialResult {
  readonly onConnected: (socket: Socket) => void;
  /** `reason` names the peer. */
  readonly onFailed: (reason: string) => void;
}

/** Dials; calls one of the two, once. @returns the function that gives up without calling either */
export function dialPeer(peer: TcpEndpoint, timeoutMs: number, result: DialResult): () => void {
  const socket = connect({ host: peer.host, port: peer.port, noDelay: true });
  const giveUp = () => {
    clearTimeout(deadline);
    socket.removeAllListeners();
    discard(socket);
  };
  const failed = (reason: string) => {
    giveUp();
    result.onFailed(`${formatEndpoint(peer)}: ${reason}`);
  };
  const deadline = setTimeout(() => {
    failed(`no answer within ${timeoutMs} ms`);
  }, timeoutMs);
  socket.once("error", (error) => {
    failed(error.message);
  });
  socket.once("connect", () => {
    clearTimeout(deadline);
    socket.removeAllListeners();
    result.onConnected(socket);
  });
  return giveUp;
}

/** Closes a socket that nobody uses; what it still has to say about that does not matter. */
export function discard(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.destroy();
}

export { ByteSocket, type SocketHandler } from "./byte-socket.ts";
export { DirectWriter } from "./direct-write.ts";
export { SocketListener, type SocketListenerOptions } from "./socket-listener.ts";
export { TickEnd } from "./tick-end.ts";

// One read buffer for all accepted sockets of a thread. Node's public API offers `onread` only to sockets that dial;
// accepted ones get it here by building their net.Socket around the handle ourselves, which saves about 1.6 µs per
// read event. All use of Node's inside is in this file, behind feature detection; without it `data` events serve.

import net from "node:net";

/** Receives `length` bytes in the shared buffer; they are gone when the call returns. */
export type OnRead = (length: number) => void;

interface Handle {
  readonly useUserBuffer?: unknown;
}

interface ListeningHandle {
  onconnection?: ((error: number, handle: Handle | undefined) => void) | null;
}

/** True when this Node lets accepted sockets read into a buffer of ours. */
function isSupported(handle: Handle): boolean {
  return typeof handle.useUserBuffer === "function";
}

/**
 * Takes over the accepting of connections of a listening server.
 *
 * @param server   a net.Server that listens
 * @param onHandle gets each accepted handle, to be given to `socketReadingInto` in the same call
 * @param onError  gets the system's error number when an accept failed
 * @returns false when this Node keeps its listening handle to itself; nothing has changed then
 */
export function takeAccepts(
  server: net.Server,
  onHandle: (handle: unknown) => void,
  onError: (errno: number) => void,
): boolean {
  const listening = (server as unknown as { _handle?: ListeningHandle | null })._handle;
  if (!listening || typeof listening.onconnection !== "function") return false;
  const original = listening.onconnection;
  listening.onconnection = function (this: unknown, error, handle) {
    if (error || !handle) {
      onError(error);
    } else if (isSupported(handle)) {
      onHandle(handle);
    } else {
      original.call(this, error, handle);
    }
  };
  return true;
}

/** Makes the socket of an accepted handle; it reads into `buffer` and tells `onRead` how much. */
export function socketReadingInto(handle: unknown, buffer: Buffer, onRead: OnRead): net.Socket {
  const options = {
    handle,
    allowHalfOpen: true,
    readable: true,
    writable: true,
    onread: {
      buffer,
      callback(length: number): boolean {
        onRead(length);
        return true;
      },
    },
  };
  return new net.Socket(options as net.SocketConstructorOpts);
}

// The few calls of Linux's C library that the generator makes through node:ffi (Node 26, experimental), with the
// constants of its headers. Nothing here waits in libuv: epollWait blocks the whole thread.

import { arch, platform } from "node:process";
import { CacheError } from "@marugoto/core";

const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const EINTR = 4;
const EAGAIN = 11;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
const EPOLL_CTL = { add: 1, mod: 3 } as const;

// struct epoll_event is packed on x86-64 only: 4 bytes of events, then 8 of data, with 4 of padding elsewhere.
const EVENT_INTS = arch === "x64" ? 3 : 4;
const DATA_INT = arch === "x64" ? 1 : 2;

type Native = (...args: readonly (number | bigint | Uint8Array)[]) => number;

interface FfiModule {
  dlopen(
    path: string,
    definitions: Record<string, { arguments: readonly string[]; return: string }>,
  ): { functions: Record<string, Native> };
  getInt32(pointer: bigint): number;
}

/** Sockets and epoll of this system. All descriptors are TCP connections to 127.0.0.1 and don't block. */
export interface Libc {
  connect(port: number): number;
  /** @returns bytes read into the front of `into`, 0 at the end of the stream, −1 when there is nothing yet */
  read(fd: number, into: Uint8Array): number;
  /** @returns bytes taken from the front of `bytes`, 0 … `bytes.length`; 0 when the socket is full */
  write(fd: number, bytes: Uint8Array): number;
  close(fd: number): void;
  createEpoll(): number;
  /** Watches a descriptor for `events`; `tag` comes back with each event. `change` when it is watched already. */
  watch(epoll: number, fd: number, tag: number, events: number, change?: boolean): void;
  /** @returns the number of events, readable by tagAt and eventsAt until the next call */
  wait(epoll: number, timeoutMs: number): number;
  tagAt(index: number): number;
  eventsAt(index: number): number;
}

/** Events taken per wait. */
const MAX_EVENTS = 64;

/** The C library, or undefined where node:ffi or Linux is missing. */
export function openLibc(): Libc | undefined {
  if (platform !== "linux" || (arch !== "x64" && arch !== "arm64")) return undefined;
  const ffi = process.getBuiltinModule("node:ffi") as unknown as FfiModule | undefined;
  if (ffi === undefined) return undefined;
  // Lengths are declared as 32 bits: 64-bit arguments would have to be BigInts, and both ABIs widen a 32-bit register.
  const ints = (count: number): string[] => Array.from({ length: count }, () => "int32");
  const { functions } = ffi.dlopen("libc.so.6", {
    socket: { arguments: ints(3), return: "int32" },
    connect: { arguments: ["int32", "buffer", "uint32"], return: "int32" },
    setsockopt: { arguments: ["int32", "int32", "int32", "buffer", "uint32"], return: "int32" },
    fcntl: { arguments: ints(3), return: "int32" },
    read: { arguments: ["int32", "buffer", "uint32"], return: "int32" },
    write: { arguments: ["int32", "buffer", "uint32"], return: "int32" },
    close: { arguments: ints(1), return: "int32" },
    epoll_create1: { arguments: ints(1), return: "int32" },
    epoll_ctl: { arguments: ["int32", "int32", "int32", "buffer"], return: "int32" },
    epoll_wait: { arguments: ["int32", "buffer", "int32", "int32"], return: "int32" },
    __errno_location: { arguments: [], return: "pointer" },
  });
  const native = (name: string): Native => functions[name]!;
  const [nativeRead, nativeWrite, nativeWait] = [native("read"), native("write"), native("epoll_wait")];
  const errno = (): number => ffi.getInt32((native("__errno_location") as unknown as () => bigint)());
  const failed = (what: string): CacheError =>
    new CacheError("connection_lost", `${what} failed with errno ${errno()}`);
  const checked = (what: string, result: number): number => {
    if (result < 0) throw failed(what);
    return result;
  };
  const wouldBlock = (what: string): void => {
    const code = errno();
    if (code !== EAGAIN && code !== EINTR) throw new CacheError("connection_lost", `${what} failed with errno ${code}`);
  };
  const events = new Int32Array(MAX_EVENTS * EVENT_INTS);
  const eventBytes = new Uint8Array(events.buffer);

  return {
    connect(port) {
      const fd = checked("socket", native("socket")(AF_INET, SOCK_STREAM, 0));
      const address = Buffer.alloc(16);
      address.writeUInt16LE(AF_INET, 0);
      address.writeUInt16BE(port, 2);
      address.set([127, 0, 0, 1], 4);
      if (native("connect")(fd, address, address.length) < 0) {
        const error = failed(`connect to 127.0.0.1:${port}`);
        native("close")(fd);
        throw error;
      }
      const on = new Uint8Array(Int32Array.of(1).buffer);
      checked("setsockopt", native("setsockopt")(fd, IPPROTO_TCP, TCP_NODELAY, on, on.length));
      checked("fcntl", native("fcntl")(fd, F_SETFL, O_NONBLOCK));
      return fd;
    },
    read(fd, into) {
      const length = nativeRead(fd, into, into.length);
      if (length < 0) wouldBlock("read");
      return length;
    },
    write(fd, bytes) {
      const length = nativeWrite(fd, bytes, bytes.length);
      if (length >= 0) return length;
      wouldBlock("write");
      return 0;
    },
    close(fd) {
      native("close")(fd);
    },
    createEpoll: () => checked("epoll_create1", native("epoll_create1")(0)),
    watch(epoll, fd, tag, wanted, change = false) {
      const event = new Int32Array(EVENT_INTS);
      event[0] = wanted;
      event[DATA_INT] = tag;
      const operation = change ? EPOLL_CTL.mod : EPOLL_CTL.add;
      checked("epoll_ctl", native("epoll_ctl")(epoll, operation, fd, new Uint8Array(event.buffer)));
    },
    wait(epoll, timeoutMs) {
      const count = nativeWait(epoll, eventBytes, MAX_EVENTS, timeoutMs);
      if (count >= 0) return count;
      wouldBlock("epoll_wait");
      return 0;
    },
    tagAt: (index) => events[index * EVENT_INTS + DATA_INT]!,
    eventsAt: (index) => events[index * EVENT_INTS]!,
  };
}

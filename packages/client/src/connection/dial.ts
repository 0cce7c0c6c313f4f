// Opens one socket: TCP, Unix or TLS. What is said over it is none of its business.

import net from "node:net";
import tls from "node:tls";
import { CacheError, type Endpoint } from "@marugoto/core";

/** How servers are dialled. */
export interface SocketOptions {
  /**
   * TLS, with the options of `tls.connect` (ca, cert, key, servername, rejectUnauthorized …). The name sent (SNI) and
   * checked is `servername`, by default the host when that is a name. Default: plain TCP.
   */
  readonly tls?: tls.ConnectionOptions | true;
  /** TCP_NODELAY; default true. */
  readonly noDelay?: boolean;
  /** TCP keep-alive after this many idle milliseconds; 0 = off. Default 30000. */
  readonly keepAliveMs?: number;
  /** 4 or 6: look for addresses of this family alone. Default: both. */
  readonly family?: 4 | 6;
}

/**
 * Says now what every connect would say later.
 *
 * @throws CacheError `invalid_option`
 */
export function checkSocketOptions(options: SocketOptions): SocketOptions {
  if (options.tls === undefined || options.tls === true) return options;
  try {
    tls.createSecureContext(options.tls);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CacheError("invalid_option", `socket.tls: ${why}`, { cause: error });
  }
  return options;
}

/** Takes bytes that have arrived; they are valid until it returns. */
export type TakeBytes = (bytes: Buffer, end: number) => void;

const READ_BUFFER_BYTES = 64 * 1024;

/** Shared by all plain sockets of a thread: what has arrived is parsed before the next read. */
let readBuffer: Buffer | undefined;

/**
 * Starts connecting. Plain sockets read into one shared buffer; TLS sockets give a buffer per record.
 *
 * @param take called for every read
 */
export function dial(endpoint: Endpoint, options: SocketOptions, take: TakeBytes): net.Socket {
  const keepAliveMs = options.keepAliveMs ?? 30_000;
  const common = {
    noDelay: options.noDelay ?? true,
    keepAlive: keepAliveMs > 0,
    keepAliveInitialDelay: keepAliveMs,
    ...(options.family ? { family: options.family } : {}),
  };
  const address = endpoint.kind === "unix" ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port };
  if (options.tls !== undefined) {
    const given = options.tls === true ? {} : options.tls;
    const named = endpoint.kind === "tcp" && net.isIP(endpoint.host) === 0 ? { servername: endpoint.host } : {};
    const socket = tls.connect({ ...common, ...named, ...given, ...address });
    socket.on("data", (bytes: Buffer) => {
      take(bytes, bytes.length);
    });
    return socket;
  }
  const buffer = (readBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES));
  return net.connect({
    ...common,
    ...address,
    onread: {
      buffer,
      callback: (bytes) => {
        take(buffer, bytes);
        return true;
      },
    },
  });
}

// The answer of a read made its result: what the codec makes of the value, with cas, or with the state of a lease.

import { MetaReplyFlag, Reply, type TextResponse } from "@marugoto/protocol";
import type { ValueCodec } from "../values/codec.ts";
import { isAsciiBytes } from "./ascii.ts";
import { toLatin1 } from "./latin1.ts";
import { OpCode } from "./op-code.ts";
import type { Op } from "./op.ts";
import type { LeaseResult, WithCas } from "./results.ts";

/**
 * The result of a read.
 *
 * @param isAsciiRead the value is known to be ASCII
 * @throws what the op's codec throws
 */
export function decodeRead(op: Op, response: TextResponse, isAsciiRead: boolean): unknown {
  const { input, valueStart, valueEnd, flags } = response;
  // A meta answer without flag f has no flags of its own.
  const itemFlags = response.reply === Reply.value || (response.metaFlags & MetaReplyFlag.f) !== 0 ? flags : 0;
  const codec = op.codec;
  const plain = codec.plainText;
  let value: unknown;
  if (op.code === OpCode.lease) return decodeLease(op.codec, response, itemFlags);
  // Somebody's placeholder: to a plain read there is nothing yet.
  if (
    valueStart === valueEnd &&
    itemFlags === 0 &&
    response.reply === Reply.metaValue &&
    isPlaceholder(response.metaFlags)
  ) {
    return undefined;
  }
  if (plain?.flags === itemFlags && (isAsciiRead || isAsciiBytes(input, valueStart, valueEnd))) {
    value = toLatin1(input, valueStart, valueEnd);
  } else {
    value = codec.decode(itemFlags, input.subarray(valueStart, valueEnd));
  }
  if (op.code === OpCode.gets || op.code === OpCode.gats) {
    const cas = (BigInt(response.casHigh) << 32n) | BigInt(response.casLow);
    return { value, cas } satisfies WithCas<unknown>;
  }
  return value;
}

function decodeLease(codec: ValueCodec, response: TextResponse, flags: number): LeaseResult<unknown> {
  const { input, valueStart, valueEnd, metaFlags } = response;
  const won = (metaFlags & MetaReplyFlag.W) !== 0;
  const stale = (metaFlags & MetaReplyFlag.X) !== 0;
  const taken = (metaFlags & MetaReplyFlag.Z) !== 0;
  const placeholder = valueStart === valueEnd && flags === 0 && isPlaceholder(metaFlags);
  return {
    value: placeholder ? undefined : codec.decode(flags, input.subarray(valueStart, valueEnd)),
    cas: (BigInt(response.casHigh) << 32n) | BigInt(response.casLow),
    won,
    stale,
    taken,
    ttlSec: (metaFlags & MetaReplyFlag.t) !== 0 ? response.ttl : -1,
  };
}

/** What flag N made is being computed and not stale. Whether it is empty, too, is for the caller to see. */
function isPlaceholder(metaFlags: number): boolean {
  const { W, X, Z } = MetaReplyFlag;
  return (metaFlags & (W | Z)) !== 0 && (metaFlags & X) === 0;
}

// Which function executes which command. The hot ones stand first; a switch over small integers becomes a jump table.

import { Command, Lines, type TextRequest } from "@marugoto/protocol";
import { executeControl } from "./control.ts";
import { executeMetaArithmetic } from "./meta-arithmetic.ts";
import { executeMetaDelete } from "./meta-delete.ts";
import { executeMetaDebug, executeMetaGet } from "./meta-get.ts";
import { executeMetaSet } from "./meta-set.ts";
import { executeRetrieval } from "./retrieval.ts";
import { executeArithmetic, executeDelete, executeTouch } from "./simple.ts";
import { executeStorage, outOfMemory, refuseTooLarge } from "./storage.ts";
import { NO_RESERVATION } from "./value.ts";
import type { Session } from "../session.ts";

/** A value that arrives in pieces: where it goes. */
export interface ValueInFlight {
  readonly reservation: number;
}

/** Executes a request that is here as a whole, and writes its answer. */
export function execute(session: Session, request: TextRequest): void {
  switch (request.command) {
    case Command.get:
    case Command.gets:
    case Command.gat:
    case Command.gats:
      executeRetrieval(session, request);
      return;
    case Command.set:
    case Command.add:
    case Command.replace:
    case Command.append:
    case Command.prepend:
    case Command.cas: {
      const refusal = refuseTooLarge(session, request);
      if (refusal === undefined) executeStorage(session, request, NO_RESERVATION);
      else if (!request.noreply) session.output.line(refusal);
      return;
    }
    case Command.metaGet:
      executeMetaGet(session, request);
      return;
    case Command.metaSet: {
      const refusal = refuseTooLarge(session, request);
      if (refusal === undefined) executeMetaSet(session, request, NO_RESERVATION);
      else session.output.line(refusal);
      return;
    }
    case Command.delete:
      executeDelete(session, request);
      return;
    case Command.incr:
    case Command.decr:
      executeArithmetic(session, request);
      return;
    case Command.touch:
      executeTouch(session, request);
      return;
    case Command.metaDelete:
      executeMetaDelete(session, request);
      return;
    case Command.metaArithmetic:
      executeMetaArithmetic(session, request);
      return;
    case Command.metaNoop:
      session.output.line(Lines.metaNoop);
      return;
    case Command.metaDebug:
      executeMetaDebug(session, request);
      return;
    default:
      executeControl(session, request);
  }
}

/**
 * A value longer than one read begins: finds room for it.
 *
 * @returns undefined when there is none; the client has its answer and the value is to be skipped
 */
export function beginValue(session: Session, request: TextRequest): ValueInFlight | undefined {
  const { store } = session.core;
  const isMeta = request.command === Command.metaSet;
  let refusal = refuseTooLarge(session, request);
  if (refusal === undefined) {
    const reservation = store.reserve(request.valueBytes);
    if (reservation !== NO_RESERVATION) return { reservation };
    refusal = outOfMemory(session, request, isMeta || request.command === Command.set);
  }
  if (isMeta || !request.noreply) session.output.line(refusal);
  return undefined;
}

/** The value is whole: executes the request, or answers that its block did not end as it should. */
export function endValue(session: Session, request: TextRequest, value: ValueInFlight, terminated: boolean): void {
  const isMeta = request.command === Command.metaSet;
  if (!terminated) {
    session.core.store.release(value.reservation);
    if (isMeta || !request.noreply) session.output.line(Lines.badDataChunk);
  } else if (isMeta) {
    executeMetaSet(session, request, value.reservation);
  } else {
    executeStorage(session, request, value.reservation);
  }
}

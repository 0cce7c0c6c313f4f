// Which answers a server may give to which command. Answers are matched to requests by order alone: one that does not fit
// shows that the order is lost, and then no answer on that connection is to be believed.

import { Command, Reply, type TextResponse } from "@marugoto/protocol";

const bits = (...replies: readonly Reply[]): number => replies.reduce<number>((set, reply) => set | (1 << reply), 0);

const errors = bits(Reply.error, Reply.clientError, Reply.serverError);
const retrieval = errors | bits(Reply.value, Reply.end);
const storage = errors | bits(Reply.stored, Reply.notStored, Reply.exists, Reply.notFound);
const meta =
  errors |
  bits(Reply.metaValue, Reply.metaHit, Reply.metaMiss, Reply.metaNotFound, Reply.metaNotStored, Reply.metaExists);

const byCommand = new Int32Array(64).fill(-1);
for (const command of [Command.get, Command.gets, Command.gat, Command.gats]) byCommand[command] = retrieval;
for (const command of [Command.set, Command.add, Command.replace, Command.append, Command.prepend, Command.cas]) {
  byCommand[command] = storage;
}
byCommand[Command.delete] = errors | bits(Reply.deleted, Reply.notFound);
byCommand[Command.incr] = byCommand[Command.decr] = errors | bits(Reply.number, Reply.notFound);
byCommand[Command.touch] = errors | bits(Reply.touched, Reply.notFound);
for (const command of [Command.metaGet, Command.metaSet, Command.metaDelete, Command.metaArithmetic]) {
  byCommand[command] = meta | bits(Reply.metaNoop);
}
byCommand[Command.metaDebug] = errors | bits(Reply.metaDebug, Reply.metaMiss, Reply.metaNoop);
byCommand[Command.stats] = errors | bits(Reply.stat, Reply.end, Reply.reset);
byCommand[Command.flushAll] = errors | bits(Reply.ok);

/** The answers that fit a command, as bits `1 << Reply`. Those that are not sent on by a proxy take any. */
export function fittingReplies(command: Command): number {
  return byCommand[command]!;
}

/** Whether a row is that of the key `key[start, end)`. */
export function isRowOf(response: TextResponse, key: Uint8Array, start: number, end: number): boolean {
  const { input, keyStart } = response;
  if (response.keyEnd - keyStart !== end - start) return false;
  for (let i = start; i < end; i++) if (input[keyStart + i - start] !== key[i]) return false;
  return true;
}

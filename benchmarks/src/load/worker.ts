// Entry of the load generator's process: opens sessions and runs them one at a time as its parent says. Started by
// LoadGenerator; ends when the parent's channel closes.

import { Conversation } from "./conversation.ts";
import { FfiSession } from "./ffi-session.ts";
import { openLibc } from "./libc.ts";
import type { LoadCommand, LoadReply } from "./messages.ts";
import { NetSession } from "./net-session.ts";
import type { LoadSession } from "./transport.ts";

const libc = openLibc();
const sessions = new Map<number, LoadSession>();
let opened = 0;

async function obey(command: LoadCommand): Promise<LoadReply> {
  const { id } = command;
  switch (command.do) {
    case "open": {
      const conversation = new Conversation(command.spec);
      const fast = libc !== undefined && command.transport !== "net";
      const session = fast ? new FfiSession(libc, conversation) : await NetSession.open(conversation);
      sessions.set(++opened, session);
      return { id, session: opened, transport: session.transport };
    }
    case "run":
      return { id, result: await sessionOf(command.session).run(command.seconds) };
    case "close":
      sessionOf(command.session).close();
      sessions.delete(command.session);
      return { id, closed: true };
  }
}

function sessionOf(number: number): LoadSession {
  const session = sessions.get(number);
  if (session === undefined) throw new TypeError(`no load session ${number}`);
  return session;
}

process.on("message", (command: LoadCommand) => {
  obey(command).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ id: command.id, error: error instanceof Error ? error.message : String(error) }),
  );
});
// A Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(0));

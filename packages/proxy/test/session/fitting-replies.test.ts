import { Command, commands, Reply } from "@marugoto/protocol";
import { expect, test } from "vitest";
import { fittingReplies } from "../../src/session/fitting-replies.ts";

const words: Partial<Record<string, Reply>> = {
  VALUE: Reply.value,
  END: Reply.end,
  STORED: Reply.stored,
  NOT_STORED: Reply.notStored,
  EXISTS: Reply.exists,
  NOT_FOUND: Reply.notFound,
  DELETED: Reply.deleted,
  TOUCHED: Reply.touched,
  OK: Reply.ok,
  VA: Reply.metaValue,
  HD: Reply.metaHit,
  EN: Reply.metaMiss,
  NF: Reply.metaNotFound,
  NS: Reply.metaNotStored,
  EX: Reply.metaExists,
  ME: Reply.metaDebug,
};

const forwarded = commands.filter(({ family }) => !["control", "information"].includes(family));

test.each(forwarded.filter(({ code }) => code !== Command.metaNoop).map((info) => [info.word, info] as const))(
  "%s takes every answer that its row in the table of commands names, and no other command's",
  (_word, info) => {
    const fitting = fittingReplies(info.code);
    const named = info.replies.map((word) => words[word]).filter((reply) => reply !== undefined);
    expect(named.filter((reply) => ((fitting >> reply) & 1) === 0)).toEqual([]);
    for (const reply of [Reply.error, Reply.clientError, Reply.serverError]) expect((fitting >> reply) & 1).toBe(1);
    expect((fitting >> Reply.version) & 1).toBe(0);
    expect((fitting >> Reply.stat) & 1).toBe(0);
  },
);

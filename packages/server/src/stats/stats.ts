// `stats` and its sections. Words match whole: memcached takes any prefix for some of them, so that `stats r` resets
// the counters there.

import { Lines, type TextRequest } from "@marugoto/protocol";
import { executeCachedump, executeSizes } from "../commands/dump.ts";
import type { Session } from "../session.ts";
import { addConns } from "./conns.ts";
import { addGeneral } from "./general.ts";
import { addItems, addSlabs } from "./classes.ts";
import { StatRows } from "./rows.ts";
import { addSettings } from "./settings.ts";

export function executeStats(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const section = request.text(0);
  switch (section) {
    case "reset":
      core.counters.reset();
      core.prefixStats.clear();
      output.line(Lines.reset);
      return;
    case "detail":
      detail(session, request);
      return;
    case "cachedump":
      executeCachedump(session, request);
      return;
    case "sizes":
      executeSizes(session);
      return;
    default:
  }
  const rows = new StatRows(output);
  let known = true;
  switch (section) {
    case "":
      addGeneral(core, rows);
      break;
    case "settings":
      addSettings(core, rows);
      break;
    case "items":
      addItems(core, rows);
      break;
    case "slabs":
      addSlabs(core, rows);
      break;
    case "conns":
      addConns(core, rows, session);
      break;
    default:
      known = false;
  }
  if (core.hooks.addStats?.(section, rows) === true) known = true;
  output.line(known ? Lines.end : Lines.error);
}

function detail(session: Session, request: TextRequest): void {
  const { core, output } = session;
  if (!core.options.dumpEnabled) {
    output.line(Lines.statsDetailNotAllowed);
    return;
  }
  switch (request.text(1)) {
    case "on":
      core.prefixStats.enabled = true;
      output.line(Lines.ok);
      return;
    case "off":
      core.prefixStats.enabled = false;
      output.line(Lines.ok);
      return;
    case "dump":
      core.prefixStats.dump(new StatRows(output));
      output.line(Lines.end);
      return;
    default:
      output.line(Lines.statsDetailUsage);
  }
}

// A recovery plan in an operator's words: what the program does, in figures, and the steps to take. It counts nothing.

import type { RecoveryLike } from "./programs.ts";
import type { RecoveryMove, RecoveryPlan, StaleCopies } from "./recovery-plan.ts";

type PlanData = Omit<RecoveryPlan, "steps" | "toString">;

/** `0.341` → `34.1 %`. */
export function percent(share: number): string {
  const text = (100 * share).toFixed(1);
  return share > 0 && text === "0.0" ? "less than 0.1 %" : `${text} %`;
}

/** The plan as text of several lines. */
export function sayPlan(plan: PlanData, steps: readonly string[]): string {
  const { onFailure, onReturn } = plan;
  const failed = listed(plan.failed);
  const lines = [
    plan.program,
    `${failed} down, counted on ${plan.keys} keys.`,
    "",
    "When it fails",
    `- ${percent(onFailure.lost)} of the keys are lost with it and must come from the database.`,
    `- ${noticing(plan.like)}`,
    ...onFailure.moves.map(sayMove),
  ];
  if (onFailure.disturbed > 0) {
    lines.push(`- ${percent(onFailure.disturbed)} of the keys move although their server is up, and miss once.`);
  }
  lines.push("", "When it returns", `- ${returning(plan.like)}`);
  lines.push(`- If it is empty, ${percent(onReturn.fallThrough)} of the keys miss once more.`);
  lines.push(...onReturn.stale.map(sayStale));
  if (onReturn.stale.length === 0) lines.push("- No other server keeps copies of its keys.");
  if (onReturn.staleServed > 0) {
    lines.push(
      `- ${percent(onReturn.staleServed)} of the keys go back to a server that was up all the time: it serves`,
    );
    lines.push("  what it had before the failure, whatever was written since.");
  }
  lines.push(
    `- If it still has its memory (it was frozen or cut off), ${percent(onReturn.staleIfNotEmpty)} of the keys`,
  );
  lines.push("  are served with the values from before the failure.");
  lines.push("", "What to do", ...steps.map((step, i) => `${i + 1}. ${step}`));
  return lines.join("\n");
}

function sayMove({ from, to, share }: RecoveryMove): string {
  if (to === "nowhere") return `- ${percent(share)}: keys of ${from} have no server. Reads miss, writes fail.`;
  if (to === "gutter") return `- ${percent(share)}: keys of ${from} go to the gutter pool.`;
  return `- ${percent(share)}: keys of ${from} go to ${to}.`;
}

function sayStale({ on, of, share }: StaleCopies): string {
  return `- Up to ${percent(share)}: keys of ${of} that were written meanwhile stay on ${on}, as they were then.`;
}

// ---- what the programs do, and when ----

function noticing(like: RecoveryLike): string {
  switch (like.program) {
    case "phpMemcache":
      return "The first request that meets the dead server marks it. A frozen server costs that request its timeout (1 s).";
    case "phpMemcached":
      if (like.removeFailedServers) {
        const limit = like.serverFailureLimit ?? 5;
        return `Each object ejects it after ${limit} failed connects, one per ${like.retryTimeoutSec ?? 2} s: codes 3, 47, then 35 once.`;
      }
      return `Code 3, then 47 at once: it is tried again every ${(like.retryTimeoutSec ?? 2) + 1} s. A frozen server is never given up: each call waits.`;
    case "twemproxy":
      if (like.auto_eject_hosts) return `After ${like.server_failure_limit ?? 2} failures the proxy ejects it.`;
      return "The proxy answers SERVER_ERROR for its keys until it is back.";
    case "marugoto":
      return "The first failed connect, or three timeouts in a row, put it out of use. Calls for its keys no longer wait.";
  }
}

function returning(like: RecoveryLike): string {
  switch (like.program) {
    case "phpMemcache": {
      const seconds = like.retryIntervalSec ?? 15;
      if (seconds < 0) return "A process that saw the failure never uses it again; only new processes do.";
      return `Each PHP process uses it again ${seconds} s after it saw the failure; until then some use it and some do not.`;
    }
    case "phpMemcached": {
      const retry = like.retryTimeoutSec ?? 2;
      if (!like.removeFailedServers)
        return `A long-lived object uses it again within ${retry + 1} s, a new object at once.`;
      const dead = like.deadTimeoutSec ?? 0;
      if (dead > 0) return `An object uses it again ${dead} s after it ejected it.`;
      return "OPT_DEAD_TIMEOUT is 0: a long-lived object answers code 35 for its keys for ever, though it is up.";
    }
    case "twemproxy":
      return `The proxy tries it again ${(like.server_retry_timeout ?? 30_000) / 1000} s after it ejected it.`;
    case "marugoto":
      return "The client dials it by itself, at least every 2 s and every 60 ms while calls want it.";
  }
}

// ---- steps ----

/** What an operator should do, from the failure to the time when everything is as before. */
export function stepsOf(plan: PlanData): string[] {
  const { like, onFailure, onReturn } = plan;
  const failed = listed(plan.failed);
  const steps = [
    `Expect the database to take ${percent(onFailure.fallThrough)} of the reads that the cache took, until the keys are there again` +
      (onFailure.unserved > 0
        ? `, and ${percent(onFailure.unserved)} until ${failed} returns: no server takes these.`
        : "."),
  ];
  if (trapped(like)) {
    steps.push("Set OPT_DEAD_TIMEOUT to a few seconds before this happens; after it, restart the PHP processes.");
  }
  steps.push(
    `Bring ${failed} back empty. If it was frozen or cut off rather than restarted, run flush_all on it before any client reaches it.`,
  );
  if (onReturn.stale.length > 0) {
    steps.push(settled(like));
    const on = [...new Set(onReturn.stale.map((copies) => copies.on))];
    const known = onReturn.stale.some((copies) => copies.list !== undefined);
    steps.push(
      known
        ? `Then delete the left-over copies: on ${listed(on)}, the keys that this plan lists for each.`
        : `Then get rid of the left-over copies on ${listed(on)}: let them expire, or flush_all one server after the other.`,
    );
    steps.push(`Until that is done, do not let ${failed} fail again: the old copies would be served.`);
  }
  if (onReturn.staleServed > 0) {
    steps.push(
      "Keys that moved between servers that were up must be written anew or deleted: their old values are back.",
    );
  }
  if (like.program === "marugoto" && onFailure.unserved > 0) {
    steps.push("Repeat or delete the keys of the writeFailed events: those writes did not reach their server.");
  }
  if (like.program === "marugoto" && like.onFailure === "gutter") {
    steps.push(
      `Nothing is left to clean: what went to the gutter ends ${like.gutterTtlSec ?? 10} s after it was written.`,
    );
  }
  steps.push(`Expect another ${percent(onReturn.fallThrough)} of the reads at the database when it is back.`);
  return steps;
}

/** When all clients agree again. */
function settled(like: RecoveryLike): string {
  if (like.program === "phpMemcache") {
    const seconds = like.retryIntervalSec ?? 15;
    if (seconds < 0) return "Restart the PHP processes, so that all of them use it again.";
    return `Wait ${seconds} s and one longest request more, until every PHP process uses it again.`;
  }
  if (like.program === "phpMemcached") {
    if (trapped(like)) return "Wait until every PHP process has been restarted.";
    return `Wait ${(like.deadTimeoutSec ?? 0) + 1} s and one longest request more, until every object uses it again.`;
  }
  if (like.program === "twemproxy") {
    return `Wait ${(like.server_retry_timeout ?? 30_000) / 1000} s, until the proxy uses it again.`;
  }
  return "Wait for the client's serverUp event.";
}

function trapped(like: RecoveryLike): boolean {
  return like.program === "phpMemcached" && like.removeFailedServers === true && (like.deadTimeoutSec ?? 0) === 0;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

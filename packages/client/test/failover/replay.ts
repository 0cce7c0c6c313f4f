// Runs the events of a transcript on a backend and writes down what came of them, in the transcript's own words. The
// caller compares.

import type { CreateBackend, ReplayBackend, ReplayClient } from "./backend.ts";
import type { Transcript, TranscriptEvent } from "./transcript.ts";

/** An event without what isn't compared: times, notices, messages. */
export function comparable(event: TranscriptEvent): TranscriptEvent {
  const { phase, do: verb, key, value, result, code, clientThinks, stop, start, freeze, thaw, wait, stored } = event;
  const kept = { phase, do: verb, key, value, result, code, clientThinks, stop, start, freeze, thaw, wait, stored };
  // PHP writes an empty array as a list.
  if (verb === "getMulti" && Array.isArray(result) && result.length === 0) kept.result = {};
  if (stored) kept.stored = Object.fromEntries(Object.entries(stored).map(([port, held]) => [port, unlisted(held)]));
  return Object.fromEntries(Object.entries(kept).filter(([, field]) => field !== undefined));
}

function unlisted(held: Record<string, string> | null): Record<string, string> | null {
  return Array.isArray(held) ? {} : held;
}

/** The same events with the results of this run. */
export async function replay(transcript: Transcript, create: CreateBackend): Promise<TranscriptEvent[]> {
  const backend = await create(transcript);
  const observed: TranscriptEvent[] = [];
  let client: ReplayClient | undefined;
  let aligned = false;
  try {
    for (const event of transcript.events) {
      if (event.phase !== undefined && (client === undefined || transcript.clientPerPhase || event.client === "new")) {
        await client?.close();
        client = await backend.createClient();
      }
      client ??= await backend.createClient();
      // The recorder began the first stop with a second; both clients count in whole ones.
      if (!aligned && (event.stop !== undefined || event.freeze !== undefined)) {
        await backend.alignToSecond();
        aligned = true;
      }
      observed.push({ ...comparable(event), ...(await runEvent(event, backend, client)) });
    }
    await client?.close();
  } finally {
    await backend.close();
  }
  return observed;
}

async function runEvent(
  event: TranscriptEvent,
  backend: ReplayBackend,
  client: ReplayClient,
): Promise<TranscriptEvent> {
  if (event.do !== undefined) return client.run(event.do, event.key ?? "", event.value);
  if (event.clientThinks !== undefined) {
    const thinks: Record<string, number> = {};
    for (const key of Object.keys(event.clientThinks)) thinks[key] = (await client.owner(key)) ?? -1;
    return { clientThinks: thinks };
  }
  if (event.stored !== undefined) {
    const stored: TranscriptEvent["stored"] = {};
    for (const port of Object.keys(event.stored)) stored[port] = await backend.stored(Number(port));
    return { stored };
  }
  if (event.stop !== undefined) await backend.stop(event.stop);
  else if (event.start !== undefined) await backend.start(event.start);
  else if (event.freeze !== undefined) await backend.freeze(event.freeze);
  else if (event.thaw !== undefined) await backend.thaw(event.thaw);
  else if (event.wait !== undefined) await backend.wait(event.wait);
  else if (event.phase === undefined) throw new Error(`an event that no replay knows: ${JSON.stringify(event)}`);
  return {};
}

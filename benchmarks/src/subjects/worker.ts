// Entry of a subject's process: opens one subject, then runs it for as long as its parent says, again and again. Ends
// when the parent's channel closes. Each library is loaded only where it is the subject.

import { setTimeout } from "node:timers/promises";
import type {
  CacheClient,
  CacheWork,
  RingWork,
  Subject,
  SubjectCommand,
  SubjectReply,
  SubjectSpec,
} from "./subject.ts";

type Open = (port: number) => CacheClient | Promise<CacheClient>;

const clients: Readonly<Record<string, () => Promise<Open>>> = {
  marugoto: async () => (await import("./clients/marugoto.ts")).openMarugoto,
  floor: async () => (await import("./clients/floor.ts")).openFloor,
  memjs: async () => (await import("./clients/memjs.ts")).openMemjs,
  memcached: async () => (await import("./clients/memcached.ts")).openMemcached,
  memcache: async () => (await import("./clients/memcache.ts")).openMemcache,
  "memcache-client": async () => (await import("./clients/memcache-client.ts")).openMemcacheClient,
};

async function openSubject({ subject, work }: SubjectSpec): Promise<Subject> {
  if (!("port" in work)) return openRing(subject, work);
  if (work.command === "door") return openDoor(subject, work);
  const load = clients[subject];
  if (load === undefined) throw new TypeError(`there is no client ${subject}`);
  const open = await load();
  const { cacheSubject } = await import("./cache-work.ts");
  return cacheSubject(await open(work.port), work);
}

async function openRing(name: string, work: RingWork): Promise<Subject> {
  const { isPlacementName, ringSubject } = await import("./rings.ts");
  if (!isPlacementName(name)) throw new TypeError(`there is no placement ${name}`);
  return ringSubject(name, work);
}

async function openDoor(name: string, work: CacheWork): Promise<Subject> {
  const { openDoor, openRawSocket } = await import("./doors.ts");
  return name === "floor" ? openRawSocket(work) : openDoor(work);
}

let subject: Subject | undefined;
let mayFail = false;

/** Beyond this share of the steps what is measured is no longer the work. */
const MOST_FAULTS = 0.05;
/** … and these, for short runs. */
const SPARE_FAULTS = 10;

async function run(seconds: number): Promise<Omit<Extract<SubjectReply, { operations: number }>, "id">> {
  if (subject === undefined) throw new TypeError("no subject is open");
  const start = performance.now();
  const until = start + seconds * 1000;
  let steps = 0;
  const faults: string[] = [];
  let now: number;
  do {
    try {
      await subject.step();
    } catch (error) {
      if (!mayFail || faults.length > MOST_FAULTS * steps + SPARE_FAULTS) throw error;
      faults.push(error instanceof Error ? error.message : String(error));
    }
    steps++;
    now = performance.now();
  } while (now < until);
  return { operations: steps * subject.operationsPerStep, seconds: (now - start) / 1000, faults };
}

async function obey(command: SubjectCommand): Promise<SubjectReply> {
  const { id } = command;
  if (command.do === "run") return { id, ...(await run(command.seconds)) };
  subject = await openSubject(command.spec);
  mayFail = command.spec.mayFail ?? false;
  return { id, opened: true };
}

process.on("message", (command: SubjectCommand) => {
  obey(command).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ id: command.id, error: error instanceof Error ? error.message : String(error) }),
  );
});
// A Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => {
  // A library that doesn't close must not keep the process.
  void Promise.race([subject?.close(), setTimeout(500)]).finally(() => process.exit(0));
});

// Schedules that have found defects, by their seeds. Each fails when its repair, in brackets, is taken back. A seed stands for
// a schedule only as long as the simulator draws the same: where its faults are others than told here, take the repair
// back, and run fresh seeds until one finds the defect again.

import { expect, test } from "vitest";
import { runSchedule, type Kind } from "./simulation/schedule.ts";

const found: readonly (readonly [kind: Kind, seed: number, what: string, faults: string])[] = [
  [
    "deaths",
    448_424_955,
    "a write counted as protected by a replica that followed another master by then (States.onState)",
    "reset n2; hand over n2; kill n3; start n3",
  ],
  [
    "splits",
    656_784_630,
    "a node was given the rank of a master on the other side, and both drew one epoch (Followers.#rankFor, last masters)",
    "cut n2 n1; start n1'; heal; cut n2 n1; stop n1; continue n1; kill n1; start n1; heal",
  ],
  [
    "splits",
    830_451_239,
    "a middle took changes of a follower while its own were being merged (Following.isMerging, and onResume)",
    "cut n3 n5; start n4'; cut n3 n1; heal; kill n2; kill n4; heal; start n2; start n4",
  ],
  [
    "splits",
    451_205_180,
    "a log that had just begun to follow seemed to have what its history said (commonOffset, the ends)",
    "start n3'; kill n1; start n1",
  ],
  [
    "splits",
    581_600_559,
    "a master of before was given another rank, and its own, to another, when it came back (Followers.#rankFor, its own)",
    "cut n1 n3; hand over n2; cut n2 n3; kill n1; heal; heal; start n1",
  ],
];

test.each(found)("%s %i: %s", async (kind, seed, _, faults) => {
  const seen: string[] = [];
  const trace = (line: string) => {
    const [, what] = line.split(" -- ");
    if (what?.startsWith("{") === false) seen.push(what);
  };
  expect(await runSchedule(seed, { kind, trace })).toEqual([]);
  expect(seen.join("; "), "this seed is another schedule by now").toBe(faults);
});

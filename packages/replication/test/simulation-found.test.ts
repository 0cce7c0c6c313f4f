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
  [
    "splits",
    1_822_004_024,
    "a removal was not merged, for the log had a merged write of a time still to come before it (merge.ts, noteChange)",
    "kill n1; kill n3; start n3; start n1; kill n2; start n2",
  ],
  [
    "consistent",
    1_822_009_100,
    "the end of an earlier copy passed for the end of the present one, and half of the content was swept (dispatch.ts)",
    "cut n3 off from all others; cut n3 off from the coordinator; the coordinator is back for n3; " +
      "cut n1 off from the coordinator; cut n2 off from the coordinator; heal",
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

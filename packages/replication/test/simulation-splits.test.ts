// Thousands of runs of the simulator: links are cut and processes stand still.

import { describeSimulation } from "./simulation/describe.ts";

describeSimulation("splits");

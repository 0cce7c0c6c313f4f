// Thousands of runs of the simulator: as splits, and a coordinator decides.

import { describeSimulation } from "./simulation/describe.ts";

describeSimulation("consistent");

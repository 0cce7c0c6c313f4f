// Thousands of runs of the simulator: processes die and links are reset.

import { describeSimulation } from "./simulation/describe.ts";

describeSimulation("deaths");

export { families } from "./cases/index.ts";
export { type Case, type Dialect, type Exchange, type Family, type Pause, type Step } from "./case.ts";
export { differences, expectations, isLacking, isRecorded, names, REFERENCE, type Difference } from "./differences.ts";
export { CaseFailure, runCase, runCases, suits, waits, type CaseResult } from "./runner.ts";
export { marugotoTarget, memcachedTarget, proxyTarget, runningTarget, toDialect, type Target } from "./target.ts";
export { fuzzDifferential, PEER_FLAGS, type FuzzOptions, type FuzzResult } from "./fuzz/differential.ts";
export { namedDifferences, type NamedDifference } from "./fuzz/named-differences.ts";
export { fuzzServer, type ServerFuzzOptions, type ServerFuzzResult, type ServerFuzzState } from "./fuzz/server.ts";

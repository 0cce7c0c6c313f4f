// The door `@marugoto/client/testing`, for the benchmarks' soaks alone: long runs that the tests make short. Not published.

export { runChaos, type ChaosResult } from "./chaos.ts";
export { tryHostileKeys } from "./hostile-keys.ts";

// The door `@marugoto/proxy/testing`, for the benchmarks' soaks alone: long runs that the tests make short. Not published.

export { reloadConfig, reloadUnderLoad, type ReloadKind, type ReloadResult } from "./reloads.ts";
export { runProxyChaos, type ChaosOptions, type ChaosResult } from "./chaos.ts";
export { startNutcracker } from "./nutcracker.ts";

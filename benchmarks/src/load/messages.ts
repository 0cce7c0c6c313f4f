// What the bench and its load generator process say to each other, over Node's IPC channel.

import type { LoadResult, LoadSpec, TransportName } from "./spec.ts";

export type LoadCommand =
  | {
      readonly id: number;
      readonly do: "open";
      readonly spec: LoadSpec;
      readonly transport?: TransportName | undefined;
    }
  | { readonly id: number; readonly do: "run"; readonly session: number; readonly seconds: number }
  | { readonly id: number; readonly do: "close"; readonly session: number };

export type LoadReply =
  | { readonly id: number; readonly session: number; readonly transport: TransportName }
  | { readonly id: number; readonly result: LoadResult }
  | { readonly id: number; readonly closed: true }
  | { readonly id: number; readonly error: string };

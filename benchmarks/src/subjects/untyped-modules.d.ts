// What the benches use of libraries that bring no types of their own.

declare module "memjs" {
  namespace memjs {
    interface Found {
      readonly value: Buffer | null;
    }
    interface MemjsClient {
      get(key: string): Promise<Found>;
      set(key: string, value: string, options: object): Promise<boolean>;
      quit(): void;
    }
  }
  const memjs: { Client: { create(servers: string): memjs.MemjsClient } };
  export default memjs;
}

declare module "memcached" {
  type Done = (error: unknown, result: unknown) => void;
  export default class Memcached {
    constructor(server: string);
    get(key: string, done: Done): void;
    getMulti(keys: readonly string[], done: Done): void;
    set(key: string, value: string, lifetime: number, done: Done): void;
    end(): void;
  }
}

declare module "hashring" {
  export default class HashRing {
    constructor(servers: readonly string[], algorithm?: string, options?: object);
    get(key: string): string;
  }
}

declare module "consistent-hash" {
  export default class ConsistentHash {
    constructor(options?: object);
    add(node: string, points: number): this;
    get(key: string): string;
  }
}

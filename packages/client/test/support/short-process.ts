// A process that uses a client and then wants to end: nothing of the client may keep it. Told a port and the way to end.

import { createClient } from "../../src/index.ts";

const [port, way] = process.argv.slice(2);
const client = createClient({ servers: [`127.0.0.1:${port!}`] });
await client.set("k", "v");
await client.getOrSet("l", () => "w", { ttl: 60 });
// With no listener of its own the channel to the parent keeps nothing alive either.
process.send!("done");
if (way === "close") await client.close();
else if (way === "destroy") client.destroy();
else client.unref();

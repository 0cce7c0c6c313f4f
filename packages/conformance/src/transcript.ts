// One conversation with every command in it, good and bad, for tests that cut it at every point. Its answers are the
// same at every run: numbers that grow are left out or given by the request, and all keys begin with a prefix.

/** Bytes of the prefix, so that transcripts with different ones are cut alike. */
export const PREFIX_BYTES = 6;

/**
 * The conversation, ended by `quit`.
 *
 * @param prefix of all its keys, `PREFIX_BYTES` long: two runs at a time must not meet
 * @param payload letters of the one value that is larger than a line may be
 */
export function transcript(prefix: string, payload = 400): string {
  if (prefix.length !== PREFIX_BYTES) throw new TypeError(`the prefix has ${prefix.length} bytes, not ${PREFIX_BYTES}`);
  const k = (name: string) => prefix + name;
  const b64 = (name: string) => Buffer.from(k(name), "latin1").toString("base64");
  const lines = [
    `set ${k("a")} 5 0 5`,
    "hello",
    `get ${k("a")}`,
    `get ${k("a")} ${k("none")} ${k("a")}`,
    `add ${k("a")} 0 0 1`,
    "x",
    `add ${k("n")} 0 0 2`,
    "41",
    `replace ${k("a")} 6 100 3`,
    "new",
    `append ${k("a")} 0 0 4`,
    "\r\nz\n",
    `prepend ${k("a")} 0 0 2 noreply`,
    "<<",
    `gat 0 ${k("a")} ${k("none")}`,
    `cas ${k("a")} 0 0 1 0`,
    "x",
    `cas ${k("none")} 0 0 1 7`,
    "x",
    `incr ${k("n")} 1`,
    `decr ${k("n")} 40 noreply`,
    `incr ${k("a")} 1`,
    `incr ${k("n")} x`,
    `touch ${k("a")} 1000`,
    `touch ${k("none")} 0`,
    `delete ${k("none")}`,
    `set ${k("big")} 0 0 ${payload}`,
    "0123456789abcdef".repeat(Math.ceil(payload / 16)).slice(0, payload),
    `get ${k("big")}`,
    `set ${k("bad")} 0 0 3`,
    "too long",
    `set ${k("bad")} x 0 3`,
    "abc",
    `set ${k("bad")} 0 0 x`,
    `get ${"k".repeat(251)}`,
    `ms ${k("m")} 2 F7 T0 E1099511627776 c k Oq1`,
    "hi",
    `gets ${k("m")} ${k("none")}`,
    `mg ${k("m")} c f h k l s t v Oq2`,
    `mg ${k("none")} v q`,
    `mg ${k("none")} k Oq3`,
    `mg ${b64("m")} b v`,
    `ms ${k("m")} 2 C1 q`,
    "no",
    `ms ${b64("m")} 1 b MA q`,
    "!",
    `md ${k("m")} I T1000`,
    `mg ${k("m")} v s`,
    `mg ${k("m")} v`,
    `md ${k("m")} x`,
    `mg ${k("m")} v`,
    `md ${k("m")} q`,
    `md ${k("m")} k`,
    `ma ${k("n")} v D3`,
    `ma ${k("v")} N0 J13 v k`,
    `ma ${k("v")} MD D20 q`,
    `mg ${k("v")} v`,
    `mg ${k("w")} N100 v`,
    `mg ${k("w")} v`,
    `mg ${k("m")} v v`,
    `ms ${k("m")} 2 z`,
    "hi",
    `me ${k("none")}`,
    "mn",
    "version",
    "verbosity 0",
    "stats nothing-of-the-kind",
    "flush_all x",
    "cache_memlimit 7",
    "shutdown",
    "no such command",
    "",
    "x",
    `delete ${k("a")} noreply`,
    `get ${k("a")} ${k("n")}`,
    "quit",
  ];
  return lines.join("\r\n") + "\r\n";
}

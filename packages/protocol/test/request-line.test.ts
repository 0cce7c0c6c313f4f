// One line (and block) in, the events out. The expected answers are those of memcached 1.6.45 on a unix socket, but for
// delete's third token and `me … b`, where they are 1.6.18's.

import { describe, expect, test } from "vitest";
import { bytes, requestEvents } from "./recorder.ts";

const key250 = "k".repeat(250);
const key251 = "k".repeat(251);
const badFormat = "error CLIENT_ERROR bad command line format";
const badExptime = "error CLIENT_ERROR invalid exptime argument";

const check = (input: string, expected: string[]) => {
  expect(requestEvents([bytes(input)])).toEqual(expected);
};

type Case = [input: string, ...events: string[]];

const run = (family: string, cases: Case[]) => {
  describe(family, () => {
    test.each(cases.map(([input, ...events]) => ({ input, events })))("$input", ({ input, events }) => {
      check(input, events);
    });
  });
};

run("retrieval", [
  ["get a\r\n", "get a"],
  ["get a\n", "get a"],
  ["gets abc def\r\n", "gets abc def"],
  ["get  a   b  \r\n", "get a b"],
  ["get a\rb\r\n", "get a\rb"],
  ["get a\r\r\n", "get a\r"],
  ["get \x01\t\r\n", "get \x01\t"],
  ["get \xff\xfe\r\n", "get \xff\xfe"],
  ["get noreply\r\n", "get noreply"],
  [`get ${key250}\r\n`, `get ${key250}`],
  [`get ${key251}\r\n`, badFormat],
  [`get a ${key251} b\r\nget c\r\n`, badFormat, "get c"],
  ["get\r\n", badFormat],
  ["get \r\n", badFormat],
  ["gets\r\n", badFormat],
  ["get\n", badFormat],
  ["gat 5 a b\r\n", "gat a b exptime=5"],
  ["gats -1 a\r\n", "gats a exptime=-1"],
  ["gat  5  a \n", "gat a exptime=5"],
  ["gat\r\n", badFormat],
  ["gat 5\r\n", badFormat],
  ["gat 5 \r\n", badFormat],
  ["gat x\r\n", badFormat],
  ["gat x \r\n", badFormat],
  ["gat x a\r\n", badExptime],
  [`gat x ${key251}\r\n`, badExptime],
  ["gat 2147483648 a\r\n", badExptime],
  [`gat 0 ${key251}\r\n`, badFormat],
]);

run("storage", [
  ["set a 0 0 1\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["set a 1 2 3\nabc\r\n", "set a flags=1 exptime=2 value=abc"],
  ["set a 0 0 0\r\n\r\n", "set a flags=0 exptime=0 value="],
  ["set a 0 0 2\r\n\r\n\r\n", "set a flags=0 exptime=0 value=\r\n"],
  ["set  a  0  0  1  \r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["add a 0 0 1\r\nx\r\n", "add a flags=0 exptime=0 value=x"],
  ["replace a 0 0 1\r\nx\r\n", "replace a flags=0 exptime=0 value=x"],
  ["append a 0 0 1\r\nx\r\n", "append a flags=0 exptime=0 value=x"],
  ["prepend a 0 0 1\r\nx\r\n", "prepend a flags=0 exptime=0 value=x"],
  ["cas a 0 0 1 18446744073709551615\r\nx\r\n", "cas a flags=0 exptime=0 cas=ffffffff:ffffffff value=x"],
  ["set a 0 0 1 noreply\r\nx\r\n", "set a flags=0 exptime=0 value=x quiet"],
  ["set a 0 0 1 noreplyx\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["set a 0 0 1 noreply foo\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["set a 0 0 1 foo noreply\r\nx\r\n", "set a flags=0 exptime=0 value=x quiet"],
  ["cas a 0 0 1 1 noreply\r\nx\r\n", "cas a flags=0 exptime=0 cas=0:1 value=x quiet"],
  [`set ${key250} 0 0 1\r\nx\r\n`, `set ${key250} flags=0 exptime=0 value=x`],
]);

run("numbers of the storage commands are read as strtoul and strtol do", [
  ["set a 4294967295 0 1\r\nx\r\n", "set a flags=4294967295 exptime=0 value=x"],
  ["set a 4294967297 0 1\r\nx\r\n", "set a flags=1 exptime=0 value=x"],
  ["set a 18446744073709551615 0 1\r\nx\r\n", "set a flags=4294967295 exptime=0 value=x"],
  ["set a 18446744073709551616 0 1\r\nx\r\n", badFormat],
  ["set a -1 0 1\r\nx\r\n", badFormat],
  ["set a -0 0 1\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["set a -9223372036854775809 0 1\r\nx\r\n", "set a flags=4294967295 exptime=0 value=x"],
  ["set a +1 +1 1\r\nx\r\n", "set a flags=1 exptime=1 value=x"],
  ["set a \t1 \t1 1\r\nx\r\n", "set a flags=1 exptime=1 value=x"],
  ["set a 0 1\t 1\r\nx\r\n", "set a flags=0 exptime=1 value=x"],
  ["set a 0 1x 1\r\nx\r\n", badFormat],
  ["set a 1x 0 1\r\nx\r\n", badFormat],
  ["set a - 0 1\r\nx\r\n", badFormat],
  ["set a 0 - 1\r\nx\r\n", badFormat],
  ["set a 0 -1 1\r\nx\r\n", "set a flags=0 exptime=-1 value=x"],
  ["set a 0 2147483648 1\r\nx\r\n", "set a flags=0 exptime=-2147483648 value=x"],
  ["set a 0 4294967296 1\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
  ["set a 0 9223372036854775807 1\r\nx\r\n", "set a flags=0 exptime=-1 value=x"],
  ["set a 0 9223372036854775808 1\r\nx\r\n", badFormat],
  ["set a 0 -9223372036854775808 1\r\nx\r\n", "set a flags=0 exptime=0 value=x"],
]);

run("storage faults: which swallow the data block", [
  // Too few tokens, or no length: the block is read as commands.
  ["set a 0 0\r\nx\r\n", badFormat, badFormat],
  ["set\r\n", badFormat],
  ["set a 0 0 -1\r\nxx\r\n", badFormat, "error ERROR"],
  ["set a 0 0 2147483646\r\nxx\r\n", badFormat, "error ERROR"],
  ["set a 0 0 +1\r\nxx\r\n", badFormat, "error ERROR"],
  ["set a 0 0 000000000001\r\nxx\r\n", badFormat, "error ERROR"],
  ["set a b c d noreply\r\n", badFormat],
  // A length is there: swallowed.
  [`set ${key251} 0 0 5\r\nhello\r\nget a\r\n`, badFormat, "get a"],
  ["set a x 0 5 noreply\r\nhello\r\nget a\r\n", `${badFormat} quiet`, "get a"],
  ["cas a 0 0 5\r\nhello\r\nget a\r\n", badFormat, "get a"],
  ["cas a 0 0 5 noreply\r\nhello\r\nget a\r\n", `${badFormat} quiet`, "get a"],
  ["cas a 0 0 5 -1\r\nhello\r\nget a\r\n", badFormat, "get a"],
  ["cas a 0 0 5 18446744073709551616\r\nhello\r\nget a\r\n", badFormat, "get a"],
  // Swallowing counts bytes, it doesn't look at them.
  ["set a x 0 5\r\nhello!!get a\r\n", badFormat, "get a"],
]);

run("bad data chunk", [
  ["set a 0 0 1\r\nabc\r\nget a\r\n", "error CLIENT_ERROR bad data chunk", badFormat, "get a"],
  ["set a 0 0 1 noreply\r\nabc\r\nget a\r\n", "error CLIENT_ERROR bad data chunk quiet", badFormat, "get a"],
  ["set a 0 0 1\r\nx\n\r\n", "error CLIENT_ERROR bad data chunk", badFormat],
  ["ms a 1 q\r\nxx\r\n", "error CLIENT_ERROR bad data chunk", badFormat],
]);

run("delete, incr, decr, touch", [
  ["delete a\r\n", "delete a"],
  ["delete a noreply\r\n", "delete a quiet"],
  ["delete a 0\r\n", "delete a"],
  ["delete a 0 noreply\r\n", "delete a quiet"],
  ["delete a 5\r\n", "error CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"],
  ["delete a 10 noreply\r\n", "error CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply] quiet"],
  ["delete a 0 0\r\n", "error CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"],
  ["delete a noreply 0\r\n", "error CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"],
  ["delete a b c d e\r\n", "error CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"],
  ["delete\r\n", badFormat],
  [`delete ${key251}\r\n`, badFormat],
  ["incr a 1\r\n", "incr a delta=0:1"],
  ["decr a 18446744073709551615 noreply\r\n", "decr a delta=ffffffff:ffffffff quiet"],
  ["incr a 4294967296\r\n", "incr a delta=1:0"],
  ["incr a 0000000000000000000001\r\n", "incr a delta=0:1"],
  ["incr a 00000000000000000000001\r\n", "error CLIENT_ERROR invalid numeric delta argument"],
  ["incr a 18446744073709551616\r\n", "error CLIENT_ERROR invalid numeric delta argument"],
  ["incr a -1\r\n", "error CLIENT_ERROR invalid numeric delta argument"],
  ["incr a +1\r\n", "error CLIENT_ERROR invalid numeric delta argument"],
  ["incr a x noreply\r\n", "error CLIENT_ERROR invalid numeric delta argument quiet"],
  ["incr a noreply\r\n", "error CLIENT_ERROR invalid numeric delta argument quiet"],
  ["incr a\r\n", badFormat],
  [`incr ${key251} x\r\n`, badFormat],
  ["touch a 5\r\n", "touch a exptime=5"],
  ["touch a -2147483648 noreply\r\n", "touch a exptime=-2147483648 quiet"],
  ["touch a 2147483648\r\n", badExptime],
  ["touch a +1\r\n", badExptime],
  ["touch a 1x\r\n", badExptime],
  ["touch a noreply\r\n", `${badExptime} quiet`],
  ["touch a\r\n", badFormat],
]);

run("meta", [
  ["mg a\r\n", "metaGet a raw=a mask=0"],
  ["mg a v k Oab\r\n", "metaGet a raw=a mask=2098192 v k Oab opaque=Oab"],
  ["mg YQ== b k\r\n", "metaGet a raw=YQ== mask=17 b k"],
  ["mg Y!Q=.= b\r\n", "metaGet a raw=Y!Q=.= mask=1 b"],
  ["mg a M\r\n", "metaGet a raw=a mask=524288 M"],
  ["mg a T-\r\n", "metaGet a raw=a mask=16777216 T-"],
  ["mg a q\r\n", "metaGet a raw=a mask=64 q quiet"],
  [`mg a O${"x".repeat(31)}\r\n`, `metaGet a raw=a mask=2097152 O${"x".repeat(31)} opaque=O${"x".repeat(31)}`],
  [`mg a O${"x".repeat(32)}\r\n`, "error CLIENT_ERROR opaque token too long"],
  ["mg\r\n", badFormat],
  [`mg ${key251}\r\n`, badFormat],
  ["mg a s s\r\n", "error CLIENT_ERROR duplicate flag"],
  ["mg a y\r\n", "error CLIENT_ERROR invalid flag"],
  ["mg a 1\r\n", "error CLIENT_ERROR invalid flag"],
  ["mg a {\r\n", badFormat],
  ["mg a !\r\n", badFormat],
  ["mg a \xe9\r\n", badFormat],
  ["mg a Tx y\r\n", "error CLIENT_ERROR invalid flag"],
  ["mg a T\r\n", "error CLIENT_ERROR bad token in command line format"],
  ["mg a T12345678901\r\n", "error CLIENT_ERROR bad token in command line format"],
  ["mg a N2147483648\r\n", "error CLIENT_ERROR bad token in command line format"],
  ["mg YQ b\r\n", "error CLIENT_ERROR error decoding key"],
  ["mg YQ=== b\r\n", "error CLIENT_ERROR error decoding key"],
  ["mg ==== b\r\n", "error CLIENT_ERROR error decoding key"],
  ["mg YWJj==== b\r\n", "error CLIENT_ERROR error decoding key"],
  ["mg A=== b\r\n", "error CLIENT_ERROR error decoding key"],
  ["mg a b c f h k l t s v u q x C1 E1 F1 I O1 N1 R1\r\n", "error CLIENT_ERROR options flags are too long"],
  ["ms a 1\r\nx\r\n", "metaSet a raw=a mask=0 value=x"],
  ["ms a 1 F7 T9 C1 E2 MA q\r\nx\r\n", "metaSet a raw=a mask=17354816 F7 T9 C1 E2 MA q value=x quiet"],
  ["ms a -0\r\n\r\n", "metaSet a raw=a mask=0 value="],
  ["ms a 1 MSX\r\nx\r\n", "metaSet a raw=a mask=524288 MSX value=x"],
  ["ms a 1 M\r\nx\r\nmn\r\n", "error CLIENT_ERROR invalid mode for ms M token", "metaNoop"],
  ["ms a 1 MX\r\nx\r\nmn\r\n", "error CLIENT_ERROR invalid mode for ms M token", "metaNoop"],
  ["ms a 1 F-1\r\nx\r\nmn\r\n", badFormat, "metaNoop"],
  ["ms a 1 F4294967296\r\nx\r\nmn\r\n", badFormat, "metaNoop"],
  ["ms a 1 Tx F-1\r\nx\r\nmn\r\n", "error CLIENT_ERROR bad token in command line format", "metaNoop"],
  [`ms ${key251} 1\r\nx\r\nmn\r\n`, badFormat, "metaNoop"],
  ["ms a x\r\nxx\r\n", badFormat, "error ERROR"],
  ["ms a S1\r\nxx\r\n", badFormat, "error ERROR"],
  ["ms a 1 {\r\nxx\r\n", badFormat, "error ERROR"],
  ["ms a\r\n", badFormat],
  ["md a q\r\n", "metaDelete a raw=a mask=64 q quiet"],
  ["ma a\r\n", "metaArithmetic a raw=a mask=0"],
  ["ma a MD D5 N0 J13\r\n", "metaArithmetic a raw=a mask=1712128 MD D5 N0 J13"],
  ["ma a Mx\r\n", "error CLIENT_ERROR invalid mode for ma M token"],
  ["ma a q Mx\r\n", "error CLIENT_ERROR invalid mode for ma M token"],
  [`mg a q O${"x".repeat(32)}\r\n`, "error CLIENT_ERROR opaque token too long"],
  ["ms a 1 q MX\r\nx\r\nmn\r\n", "error CLIENT_ERROR invalid mode for ms M token", "metaNoop"],
  ["ma a Dx\r\n", "error CLIENT_ERROR invalid or duplicate flag"],
  ["ma a q q\r\n", "error CLIENT_ERROR invalid or duplicate flag"],
  [`ma ${key251}\r\n`, "error CLIENT_ERROR invalid or duplicate flag"],
  ["mn\r\n", "metaNoop"],
  ["mn a b c\r\n", "metaNoop"],
  ["mn\n", badFormat],
  ["me a\r\n", "metaDebug a"],
  ["me YQ== b\r\n", "metaDebug a"],
  ["me a b b\r\n", badFormat],
  ["me\r\n", badFormat],
]);

run("control, information and the unknown", [
  ["flush_all\r\n", "flushAll delay=0"],
  ["flush_all 10\r\n", "flushAll 10 delay=10"],
  ["flush_all -1 noreply\r\n", "flushAll -1 noreply delay=-1 quiet"],
  ["flush_all noreply\r\n", "flushAll noreply delay=0 quiet"],
  ["flush_all x\r\n", badExptime],
  ["flush_all noreply noreply\r\n", `${badExptime} quiet`],
  ["  flush_all\r\n", "flushAll delay=0"],
  ["verbosity 1\r\n", "verbosity 1"],
  ["verbosity 1 noreply\r\n", "verbosity 1 noreply quiet"],
  ["verbosity\r\n", badFormat],
  ["verbosity x\r\n", badFormat],
  ["verbosity noreply\r\n", `${badFormat} quiet`],
  ["version\r\n", "version"],
  ["version noreply\r\n", "version noreply"],
  ["quit\r\n", "quit"],
  ["quit\n", "quit"],
  ["stats\r\n", "stats"],
  ["stats cachedump 1 2\r\n", "stats cachedump 1 2"],
  ["stats noreply\r\n", "stats noreply"],
  ["cache_memlimit 64\r\n", "cacheMemlimit 64"],
  ["shutdown graceful\r\n", "shutdown graceful"],
  ["slabs automove 1\r\n", "slabs automove 1"],
  ["lru mode flat\r\n", "lru mode flat"],
  ["lru_crawler metadump all\r\n", "lruCrawler metadump all"],
  ["watch fetchers\r\n", "watch fetchers"],
  ["debugtime 5\r\n", "debugtime 5"],
  ["refresh_certs\r\n", "refreshCerts"],
  ["bogus\r\n", "error ERROR"],
  ["bogus noreply\r\n", "error ERROR quiet"],
  ["GET a\r\n", "error ERROR"],
  ["mx a\r\n", "error ERROR"],
  ["set\ta\r\n", "error ERROR"],
  [" get a\r\n", "error ERROR"],
  [" stats\r\n", "error ERROR"],
  ["    \r\n", "error ERROR"],
  ["\r\n", badFormat],
  ["\n", badFormat],
  ["a\r\n", badFormat],
  ["GET / HTTP/1.1\r\n", "error  close"],
  ["bogus HTTP/\r\n", "error  close"],
  ["HTTP/1.0\r\n", "error ERROR"],
  ["get / HTTP/1.1\r\n", "get / HTTP/1.1"],
]);

describe("only 23 tokens count", () => {
  const words = (n: number) => Array.from({ length: n }, (_, i) => `w${i}`).join(" ");
  test("noreply as token 23", () => {
    check(`bogus ${words(21)} noreply\r\n`, ["error ERROR quiet"]);
  });
  test("noreply as token 24", () => {
    check(`bogus ${words(22)} noreply\r\n`, ["error ERROR"]);
  });
  test("the line still ends where it ends", () => {
    check(`bogus ${words(500)}\r\nget a\r\n`, ["error ERROR", "get a"]);
  });
});

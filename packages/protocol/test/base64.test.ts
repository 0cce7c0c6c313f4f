import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../src/index.ts";

test("agrees with Node's base64 both ways", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 250 }), (key) => {
      const out = Buffer.alloc(400);
      const end = encodeBase64(key, 0, key.length, out, 7);
      const encoded = out.toString("latin1", 7, end);
      expect(encoded).toBe(Buffer.from(key).toString("base64"));
      const decoded = Buffer.alloc(400);
      const length = decodeBase64(out, 7, end, decoded);
      expect(decoded.subarray(0, length)).toEqual(Buffer.from(key));
    }),
  );
});

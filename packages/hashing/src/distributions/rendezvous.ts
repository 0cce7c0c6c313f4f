// Weighted rendezvous hashing: every server draws a lot for the key, the best lot wins. No ring, no order, and a change
// of one server's weight moves only that server's share. A lookup looks at every server: made for tens, not thousands.

import { mix32 } from "../hashes/murmur3.ts";

const LN2 = 0.6931471805599453;
const SQRT2 = 1.4142135623730951;

const powerOfTwo = new Float64Array(33);
powerOfTwo[0] = 1;
for (let i = 1; i < 33; i++) powerOfTwo[i] = powerOfTwo[i - 1]! * 2;

/**
 * -ln((lot + ½) / 2³²) from additions, multiplications and divisions only. ECMAScript leaves the last digits of
 * Math.log to the engine; placement must not depend on them.
 *
 * @param lot 0 … 2³² - 1
 */
export function negativeLog(lot: number): number {
  let exponent = lot === 0 ? 0 : 31 - Math.clz32(lot);
  let m = (lot + 0.5) / powerOfTwo[exponent]!;
  if (m > SQRT2) {
    m /= 2;
    exponent++;
  }
  const z = (m - 1) / (m + 1);
  const q = z * z;
  let sum = 0;
  for (let k = 23; k >= 1; k -= 2) sum = sum * q + 1 / k;
  return (32 - exponent) * LN2 - 2 * z * sum;
}

/**
 * The server with the best lot. A lot is mix(mix(hash ^ first) ^ second) with MurmurHash3's final mix; the winner has
 * the least -ln(lot) / weight, and of equals comes first.
 *
 * @param hash    of the key, 32 bits
 * @param first   one hash of each server's name
 * @param second  another one, so that two names never draw the same lots
 * @param weights positive, or undefined when all are equal: then the greatest lot wins, which is the same
 * @returns position of the winner
 */
export function rendezvousWinner(
  hash: number,
  first: Int32Array,
  second: Int32Array,
  weights: Float64Array | undefined,
): number {
  let winner = 0;
  if (weights) {
    let best = Infinity;
    for (let i = 0; i < first.length; i++) {
      const score = negativeLog(mix32(mix32(hash ^ first[i]!) ^ second[i]!) >>> 0) / weights[i]!;
      if (score < best) {
        best = score;
        winner = i;
      }
    }
    return winner;
  }
  let best = -1;
  for (let i = 0; i < first.length; i++) {
    const lot = mix32(mix32(hash ^ first[i]!) ^ second[i]!) >>> 0;
    if (lot > best) {
      best = lot;
      winner = i;
    }
  }
  return winner;
}

// MD5 (RFC 1321) for placement: no allocation per call, four words out. Not for security.

import type { Hash } from "./hash.ts";

/** floor(2³² · |sin(i + 1)|), the constants of RFC 1321. */
const K = new Int32Array(64);
for (let i = 0; i < 64; i++) K[i] = Math.floor(Math.abs(Math.sin(i + 1)) * 0x1_0000_0000);

/** The block being hashed, as little-endian words. One call at a time uses it, and none keeps it. */
const block = new Int32Array(16);
const state = new Int32Array(4);

function f(a: number, b: number, c: number, d: number, x: number, s: number): number {
  const sum = (a + (d ^ (b & (c ^ d))) + x) | 0;
  return (b + ((sum << s) | (sum >>> (32 - s)))) | 0;
}

function g(a: number, b: number, c: number, d: number, x: number, s: number): number {
  const sum = (a + (c ^ (d & (b ^ c))) + x) | 0;
  return (b + ((sum << s) | (sum >>> (32 - s)))) | 0;
}

function h(a: number, b: number, c: number, d: number, x: number, s: number): number {
  const sum = (a + (b ^ c ^ d) + x) | 0;
  return (b + ((sum << s) | (sum >>> (32 - s)))) | 0;
}

function k(a: number, b: number, c: number, d: number, x: number, s: number): number {
  const sum = (a + (c ^ (b | ~d)) + x) | 0;
  return (b + ((sum << s) | (sum >>> (32 - s)))) | 0;
}

/** Works `block` into `state`. Each turn of a loop takes four steps, so that a, b, c, d keep their places. */
function transform(): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let i = 0; i < 16; i += 4) {
    a = f(a, b, c, d, (block[i]! + K[i]!) | 0, 7);
    d = f(d, a, b, c, (block[i + 1]! + K[i + 1]!) | 0, 12);
    c = f(c, d, a, b, (block[i + 2]! + K[i + 2]!) | 0, 17);
    b = f(b, c, d, a, (block[i + 3]! + K[i + 3]!) | 0, 22);
  }
  for (let i = 16; i < 32; i += 4) {
    a = g(a, b, c, d, (block[(5 * i + 1) & 15]! + K[i]!) | 0, 5);
    d = g(d, a, b, c, (block[(5 * i + 6) & 15]! + K[i + 1]!) | 0, 9);
    c = g(c, d, a, b, (block[(5 * i + 11) & 15]! + K[i + 2]!) | 0, 14);
    b = g(b, c, d, a, (block[(5 * i) & 15]! + K[i + 3]!) | 0, 20);
  }
  for (let i = 32; i < 48; i += 4) {
    a = h(a, b, c, d, (block[(3 * i + 5) & 15]! + K[i]!) | 0, 4);
    d = h(d, a, b, c, (block[(3 * i + 8) & 15]! + K[i + 1]!) | 0, 11);
    c = h(c, d, a, b, (block[(3 * i + 11) & 15]! + K[i + 2]!) | 0, 16);
    b = h(b, c, d, a, (block[(3 * i + 14) & 15]! + K[i + 3]!) | 0, 23);
  }
  for (let i = 48; i < 64; i += 4) {
    a = k(a, b, c, d, (block[(7 * i) & 15]! + K[i]!) | 0, 6);
    d = k(d, a, b, c, (block[(7 * i + 7) & 15]! + K[i + 1]!) | 0, 10);
    c = k(c, d, a, b, (block[(7 * i + 14) & 15]! + K[i + 2]!) | 0, 15);
    b = k(b, c, d, a, (block[(7 * i + 5) & 15]! + K[i + 3]!) | 0, 21);
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
}

/** Loads `bytes[at, end)`, at most 64 bytes, into `block`; the rest of `block` becomes 0. */
function load(bytes: Uint8Array, at: number, end: number): void {
  const words = (end - at) >>> 2;
  let i = at;
  for (let word = 0; word < words; word++, i += 4) {
    block[word] = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
  }
  for (let word = words; word < 16; word++) block[word] = 0;
  for (let shift = 0; i < end; i++, shift += 8) block[words] = block[words]! | (bytes[i]! << shift);
}

function digest(bytes: Uint8Array, start: number, end: number): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  let at = start;
  for (; end - at >= 64; at += 64) {
    load(bytes, at, at + 64);
    transform();
  }
  const rest = end - at;
  load(bytes, at, end);
  block[rest >>> 2] = block[rest >>> 2]! | (0x80 << ((rest & 3) << 3));
  if (rest >= 56) {
    transform();
    block.fill(0);
  }
  block[14] = (end - start) << 3;
  block[15] = (end - start) >>> 29;
  transform();
}

/**
 * The whole MD5 as four little-endian words. Check: "" → d41d8cd98f00b204e9800998ecf8427e.
 * @param words receives the four words, as signed 32-bit integers
 */
export function md5Words(bytes: Uint8Array, start: number, end: number, words: Int32Array): void {
  digest(bytes, start, end);
  words[0] = state[0]!;
  words[1] = state[1]!;
  words[2] = state[2]!;
  words[3] = state[3]!;
}

/**
 * The first four bytes of the MD5, read little-endian. Check: "" → 0xd98c1dd4.
 * Source: libhashkit 1.1.4, md5.cc; twemproxy 0.5.0, nc_md5.c.
 */
export const md5: Hash = (bytes, start, end) => {
  digest(bytes, start, end);
  return state[0]!;
};

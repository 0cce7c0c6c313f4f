// CRC-16, and what twemproxy makes of it.

import type { Hash } from "./hash.ts";

const table = new Uint16Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  table[i] = crc;
}

/**
 * twemproxy's `crc16`: the register is 32 bits wide and never masked, so what is shifted out of the low 16 bits stays
 * above them and counts. Check: "apple" → 0xda525bb4.
 * Source: twemproxy 0.5.0, nc_crc16.c.
 */
export const crc16Unmasked: Hash = (bytes, start, end) => {
  let crc = 0;
  for (let i = start; i < end; i++) crc = (crc << 8) ^ table[((crc >>> 8) ^ bytes[i]!) & 0xff]!;
  return crc;
};

/**
 * CRC-16/XMODEM. Polynomial 0x1021, not reflected, initial value and final xor 0. Check: "123456789" → 0x31c3.
 */
export const crc16: Hash = (bytes, start, end) => crc16Unmasked(bytes, start, end) & 0xffff;

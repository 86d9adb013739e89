/**
 * CRC-32 (the one of zlib) over a part of a buffer. Short parts, which most values are, are done here: a call into
 * zlib and the view that it needs cost more than the sum itself.
 *
 * Source: "slicing by 8", Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC
 * Generators", 2005.
 */
import { crc32 } from 'node:zlib';

const SHORT_BYTES = 512;
const POLYNOMIAL = 0xed_b8_83_20;

/** Eight tables of 256: what a byte does to the sum when 0 to 7 more bytes follow it. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let value = 0; value < 256; value += 1) {
    let sum = value;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum & 1) === 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    tables[value] = sum;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] as number;
    tables[at] = (tables[before & 0xff] as number) ^ (before >>> 8);
  }
  return tables;
}

/** The checksum of the bytes from `start` to their end, continued from `seed`. */
export function checksum(bytes: Buffer, start: number, seed: number): number {
  if (bytes.length - start > SHORT_BYTES) return crc32(bytes.subarray(start), seed);
  let sum = ~seed;
  let at = start;
  for (const end = bytes.length - 7; at < end; at += 8) sum = eight(bytes, at, sum);
  for (; at < bytes.length; at += 1) sum = table(0, sum ^ byte(bytes, at)) ^ (sum >>> 8);
  return ~sum >>> 0;
}

function eight(bytes: Buffer, at: number, sum: number): number {
  return (
    table(7, sum ^ byte(bytes, at)) ^
    table(6, (sum >>> 8) ^ byte(bytes, at + 1)) ^
    table(5, (sum >>> 16) ^ byte(bytes, at + 2)) ^
    table(4, (sum >>> 24) ^ byte(bytes, at + 3)) ^
    table(3, byte(bytes, at + 4)) ^
    table(2, byte(bytes, at + 5)) ^
    table(1, byte(bytes, at + 6)) ^
    table(0, byte(bytes, at + 7))
  );
}

function byte(bytes: Buffer, at: number): number {
  return bytes[at] as number;
}

function table(following: number, value: number): number {
  return TABLES[(following << 8) | (value & 0xff)] as number;
}

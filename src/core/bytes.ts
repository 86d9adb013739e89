import { Buffer } from 'node:buffer'; // the global is a getter, which is asked anew each time

// reads of a buffer whose length has been checked: a fraction of the time of Node's own methods, which check it again

/** An unsigned 16-bit number, big endian. */
export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** An unsigned 32-bit number, big endian. */
export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** An unsigned 48-bit number, big endian. */
export function readU48(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 2);
}

/** A 64-bit floating point number, big endian. */
export function readF64(bytes: Uint8Array, at: number): number {
  halves[HIGH] = readU32(bytes, at);
  halves[1 - HIGH] = readU32(bytes, at + 4);
  return double[0] as number;
}

const double = new Float64Array([1]);
const halves = new Uint32Array(double.buffer);
/** Where this machine keeps the half with the exponent, which is all that the number 1 has. */
const HIGH = halves[0] === 0 ? 1 : 0;

/** The same memory, with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads of a buffer whose length has been checked: a fraction of the time of Node's own methods, which check it again. */

/** An unsigned 32-bit number, big endian. */
export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** Whether `length` bytes are all zero. */
export function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  let any = 0;
  for (let index = at; index < at + length; index += 1) any |= bytes[index] as number;
  return any === 0;
}

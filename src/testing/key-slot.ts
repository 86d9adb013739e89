/** How many slots a cluster has. */
export const SLOTS = 16_384;

/** CRC-16/XMODEM, as the cluster specification says. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}

/** The slot of a key in every cluster: that of its hash tag, the first non-empty `{…}`, if it has one. */
export function keySlot(key: string | Uint8Array): number {
  const bytes = Buffer.from(key as string);
  const open = bytes.indexOf('{');
  const close = open === -1 ? -1 : bytes.indexOf('}', open + 1);
  const tag = close > open + 1 ? bytes.subarray(open + 1, close) : bytes;
  return crc16(tag) % SLOTS;
}

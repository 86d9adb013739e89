/**
 * The slot of a key in a Redis cluster.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */

/** How many slots a cluster has. */
export const SLOTS = 16_384;

/** What each byte does to the CRC-16/XMODEM of what came before it. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The slot of a key: that of its hash tag, the first non-empty `{…}`, if it has one. Text counts by its UTF-8. */
export function keySlot(key: string | Uint8Array): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  const open = bytes.indexOf(OPEN);
  const close = open === -1 ? -1 : bytes.indexOf(CLOSE, open + 1);
  const isTagged = close > open + 1;
  const end = isTagged ? close : bytes.length;
  let crc = 0;
  for (let at = isTagged ? open + 1 : 0; at < end; at += 1) {
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ (bytes[at] as number)] as number);
  }
  return crc & (SLOTS - 1);
}

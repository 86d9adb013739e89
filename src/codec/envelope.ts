/**
 * The layout of a stored value, which nothing else knows:
 *
 *   0      0xC1   never the first byte of MessagePack, JSON text or a decimal counter
 *   1      0x01   kind and version: a value, version 1
 *   2      flags  bits 0-2 serializer, bits 3-4 compression, bit 5 encrypted, bits 6-7 zero
 *   plain:        3-6 CRC-32 over bytes 0-2 and the payload, big-endian; then the payload
 *   encrypted:    3-6 key id; 24 bytes of nonce; the encrypted payload; 16 bytes of tag
 *
 * Stored bytes outlive releases: a number is never given a second meaning. `docs/wire.md` is the public text of this.
 */
import { readU32 } from '../core/bytes.js';
import { checksum } from './checksum.js';
import { ALGORITHM_NAMES, type CompressionAlgorithm } from './compression.js';
import { DecodeError } from './errors.js';
import { SERIALIZER_NAMES, type SerializerName } from './serializer.js';
import { NONCE_BYTES, TAG_BYTES } from './xaes.js';

/** First byte of everything this library stores as a frame. */
export const FRAME_MAGIC = 0xc1;
/** Second byte of a value's envelope. */
export const KIND_VALUE = 0x01;

/** Bytes before the payload of a plain envelope; in an encrypted one, before the nonce. */
export const HEADER_BYTES = 7;

const ENCRYPTED = 0b10_0000;
const RESERVED = 0b1100_0000;

/** What the flags say. */
export interface Format {
  readonly serializer: SerializerName;
  readonly compression: CompressionAlgorithm | undefined;
  readonly encrypted: boolean;
}

export function flagsOf({ serializer, compression, encrypted }: Format): number {
  const algorithm = compression === undefined ? 0 : ALGORITHM_NAMES.indexOf(compression) + 1;
  return SERIALIZER_NAMES.indexOf(serializer) | (algorithm << 3) | (encrypted ? ENCRYPTED : 0);
}

/** Every combination of flags that this release can read, at its number. */
const FORMATS: readonly (Format | undefined)[] = Array.from({ length: 256 }, (_, flags) => {
  const serializer = SERIALIZER_NAMES[flags & 0b111];
  if (serializer === undefined || (flags & RESERVED) !== 0) return undefined;
  const algorithm = (flags >> 3) & 0b11;
  const compression = algorithm === 0 ? undefined : ALGORITHM_NAMES[algorithm - 1];
  return { serializer, compression, encrypted: (flags & ENCRYPTED) !== 0 };
});

/** The checksum of the first three bytes, for every flags byte: where the checksum of a payload starts from. */
const CHECKSUM_SEEDS = Uint32Array.from({ length: 256 }, (_, flags) =>
  checksum(Buffer.from([FRAME_MAGIC, KIND_VALUE, flags]), 0, 0),
);

/** Writes the header of a plain envelope into the free bytes before the payload. @param start where the envelope begins */
export function sealPlain(envelope: Buffer, flags: number, start: number): Buffer {
  envelope[start] = FRAME_MAGIC;
  envelope[start + 1] = KIND_VALUE;
  envelope[start + 2] = flags;
  const sum = checksum(envelope, start + HEADER_BYTES, CHECKSUM_SEEDS[flags] as number);
  envelope.writeUInt32BE(sum, start + 3);
  return envelope;
}

/** The header of an encrypted envelope, which is part of what its tag protects. */
export function encryptedHeader(flags: number, keyId: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = FRAME_MAGIC;
  header[1] = KIND_VALUE;
  header[2] = flags;
  header.writeUInt32BE(keyId, 3);
  return header;
}

/** Whether somebody else wrote the bytes from `start` on; none at all count as such. */
export function isForeign(bytes: Buffer, start: number): boolean {
  return bytes[start] !== FRAME_MAGIC;
}

/** Reads the first three bytes of the envelope at `start`. @throws DecodeError `truncated`, `version` */
export function formatOf(bytes: Buffer, start: number, key: string): Format {
  if (bytes.length < start + HEADER_BYTES) {
    throw new DecodeError({ key, reason: 'truncated', detail: 'it ends within the header of its envelope' });
  }
  const format = bytes[start + 1] === KIND_VALUE ? FORMATS[bytes[start + 2] as number] : undefined;
  if (format !== undefined) return format;
  const detail = 'its envelope is of another kind or a newer version than this release reads';
  throw new DecodeError({ key, reason: 'version', detail });
}

/** Where the payload of the plain envelope at `start` begins. @throws DecodeError `checksum` */
export function verifiedPayload(bytes: Buffer, start: number, key: string): number {
  const payload = start + HEADER_BYTES;
  const seed = CHECKSUM_SEEDS[bytes[start + 2] as number] as number;
  if (readU32(bytes, start + 3) === checksum(bytes, payload, seed)) return payload;
  throw new DecodeError({ key, reason: 'checksum', detail: 'its checksum is wrong, so it was changed or cut short' });
}

/** The parts of an encrypted envelope, or undefined if it is too short to have them. */
export function encryptedParts(bytes: Buffer): EncryptedParts | undefined {
  const start = HEADER_BYTES + NONCE_BYTES;
  const end = bytes.length - TAG_BYTES;
  if (end < start) return undefined;
  return {
    header: bytes.subarray(0, HEADER_BYTES),
    keyId: bytes.readUInt32BE(3),
    sealed: {
      nonce: bytes.subarray(HEADER_BYTES, start),
      ciphertext: bytes.subarray(start, end),
      tag: bytes.subarray(end),
    },
  };
}

export interface EncryptedParts {
  readonly header: Buffer;
  readonly keyId: number;
  readonly sealed: { readonly nonce: Buffer; readonly ciphertext: Buffer; readonly tag: Buffer };
}

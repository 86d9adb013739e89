import { json } from './json.js';
import { msgpack, readForeignMessage } from './msgpack.js';
import { raw } from './raw.js';
import type { Serializer, SerializerName } from './serializer.js';

/** By the name that the envelope gives: what a codec reads does not depend on what it writes. */
export const READERS: Record<SerializerName, Serializer> = {
  raw: raw(),
  msgpack: msgpack(),
  'msgpack-portable': msgpack({ profile: 'portable' }),
  'msgpack-rich': msgpack({ profile: 'rich' }),
  json: json(),
};

/** For values without an envelope, by the option that allows them. */
export const FOREIGN_READERS = {
  json: (bytes: Buffer, start: number) => json().read(bytes, start),
  msgpack: readForeignMessage,
  raw: (bytes: Buffer, start: number) => raw().read(bytes, start),
} as const;

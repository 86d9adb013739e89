import { typeOf } from '../core/errors.js';
import { Refusal, isBinary } from './plain.js';
import type { Serializer } from './serializer.js';

const serializer: Serializer = {
  name: 'raw',
  refuse: (value) => (isBinary(value) ? undefined : new Refusal(`expected bytes, got ${typeOf(value)}`)),
  write(value, reserve) {
    const source = value as Uint8Array;
    const bytes = Buffer.allocUnsafe(reserve + source.length);
    bytes.set(source, reserve);
    return bytes;
  },
  read: (bytes, start) => Buffer.from(bytes.subarray(start)),
};

/** The serializer for bytes: takes Buffers and Uint8Arrays as they are, gives back a Buffer that owns its memory. */
export function raw(): Serializer {
  return serializer;
}

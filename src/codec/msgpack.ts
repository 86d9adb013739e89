/**
 * MessagePack, and the only file that knows the package `msgpackr`.
 *
 * msgpackr writes the default profile, where it is as fast as JavaScript gets. What it would lose or get wrong in
 * silence (typed arrays other than bytes, class instances, lone surrogates, `__proto__`) is refused before it sees
 * it. All profiles are read by one reader of our own (ADR 2).
 */
import { checkKnown, checkOneOf } from '../core/check.js';
import { Packr, RESERVE_START_SPACE } from 'msgpackr/pack';
import { MessageReader } from './msgpack-reader.js';
import { type Rules, findRefusal } from './plain.js';
import { portable } from './portable.js';
import { rich } from './rich.js';
import { Malformed, type Serializer } from './serializer.js';

const RULES: Rules = {
  nonFinite: true,
  bigint: '64-bit',
  binary: true,
  date: 'any',
  undefinedItem: true,
  rich: false,
};

/** `structuredClone: false` also refuses references on the way in, which could make a value contain itself. */
const OPTIONS = { useRecords: false, copyBuffers: true, useToJSON: false, structuredClone: false };
/** Two bytes more per object than necessary, for a fifth less time; up to 65,535 properties. */
const packr = new Packr(OPTIONS);
const packrOfLargeObjects = new Packr({ ...OPTIONS, variableMapSize: true });

/** msgpackr packs into a slab that grows with the largest message and would keep that size for good. */
const SLAB_BYTES = 8_192;
const LARGE_BYTES = SLAB_BYTES / 2;

/** More than this msgpackr does not leave free. */
const MAX_RESERVE = 255;

const TIMESTAMP = -1;
const UNDEFINED = 0;

/** What msgpackr writes under these options, and what others write. */
const reader = new MessageReader({ narrowInt64: false, extension: readExtension });
const foreignReader = new MessageReader({ narrowInt64: true, extension: readExtension });

function readExtension(message: MessageReader, type: number, length: number): unknown {
  if (type === TIMESTAMP) return readTimestamp(message.takeBytes(length));
  if (type !== UNDEFINED) throw new Malformed(`an unknown extension of type ${type}`);
  message.take(length);
  return undefined;
}

/** Seconds in 32 bits; nanoseconds and seconds in 30 and 34; nanoseconds and seconds in 32 and 64. */
function readTimestamp(bytes: Buffer): Date {
  switch (bytes.length) {
    case 4:
      return new Date(bytes.readUInt32BE() * 1000);
    case 8: {
      const high = bytes.readUInt32BE();
      return new Date(((high & 3) * 2 ** 32 + bytes.readUInt32BE(4)) * 1000 + Math.floor((high >>> 2) / 1e6));
    }
    case 12:
      return new Date(Number(bytes.readBigInt64BE(4)) * 1000 + Math.floor(bytes.readUInt32BE() / 1e6));
    default:
      return new Date(NaN);
  }
}

const standard: Serializer = {
  name: 'msgpack',
  refuse: (value) => findRefusal(value, RULES),
  write(value, reserve) {
    if (reserve > MAX_RESERVE) return Buffer.concat([Buffer.alloc(reserve), standard.write(value, 0)]);
    const bytes = pack(value, RESERVE_START_SPACE | reserve);
    if (bytes.length > LARGE_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(SLAB_BYTES));
    return bytes;
  },
  read: (bytes, start) => reader.readMessage(bytes, start),
};

function pack(value: unknown, mode: number): Buffer {
  try {
    return packr.pack(value, mode);
  } catch {
    return packrOfLargeObjects.pack(value, mode);
  }
}

const PROFILES = { default: standard, portable, rich } as const;

/**
 * The MessagePack serializer.
 *
 * All profiles carry null, booleans, numbers, well-formed strings, bigints, bytes, arrays and plain objects. Bytes come
 * back as a Buffer that owns its memory. What a profile cannot carry is a `SerializationError`, never a lossy guess.
 *
 * - `default`: for services in JavaScript. Also Date and `undefined` inside objects and arrays; bigints up to 64 bits.
 * - `portable`: for keys shared with other languages. Whole numbers are integers in their smallest form (a strict
 *   reader refuses a float for an integer), no extensions. Accepted losses: properties that are undefined are left
 *   out, a Date becomes a whole number of milliseconds, and a bigint within the safe range comes back as a number.
 * - `rich`: Map, Set, RegExp, Error (name, message and code; no stack, no further properties), typed arrays and
 *   bigints of any size as well. A Uint8Array and a Buffer keep their class. Slower, and only this library reads it.
 */
export function msgpack(options?: { readonly profile?: 'default' | 'portable' | 'rich' | undefined }): Serializer {
  checkKnown('msgpack', options, ['profile']);
  const profile = options?.profile ?? 'default';
  return PROFILES[checkOneOf('msgpack.profile', profile, ['default', 'portable', 'rich'])];
}

/** Reads MessagePack of unknown origin: integers as numbers where they are safe, timestamps as Dates. */
export function readForeignMessage(bytes: Buffer, start: number): unknown {
  return foreignReader.readMessage(bytes, start);
}

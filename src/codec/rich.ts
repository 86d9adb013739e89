import { MessageReader } from './msgpack-reader.js';
import { type MessageWriter, type WriteDialect, writeMessage } from './msgpack-writer.js';
import { type Rules, TYPED_ARRAYS, findRefusal } from './plain.js';
import { Malformed, type Serializer } from './serializer.js';

const RULES: Rules = { nonFinite: true, bigint: 'any', binary: true, date: 'any', undefinedItem: true, rich: true };

/** Extension types of the profile. Stored: a number is never given a second meaning. */
const TYPE = { undefined: 0, map: 1, set: 2, date: 3, bigint: 4, regexp: 5, error: 6, typedArray: 7 } as const;

const WRITE: WriteDialect = {
  portable: false,
  object(writer, value) {
    if (Buffer.isBuffer(value)) writer.binary(value);
    else if (value instanceof Date) writer.extension(TYPE.date, () => writer.float64(value.getTime()));
    else if (value instanceof Map) writer.extension(TYPE.map, () => writeAll(writer, [...value].flat(1)));
    else if (value instanceof Set) writer.extension(TYPE.set, () => writeAll(writer, value));
    else if (value instanceof RegExp)
      writer.extension(TYPE.regexp, () => writeAll(writer, [value.source, value.flags]));
    else if (value instanceof Error) writer.extension(TYPE.error, () => writeAll(writer, partsOfError(value)));
    else if (ArrayBuffer.isView(value)) writer.extension(TYPE.typedArray, () => writeView(writer, value));
    else return false;
    return true;
  },
  bigint(writer, value) {
    if (value >= -(2n ** 63n) && value < 2n ** 64n) writer.bigint64(value);
    else writer.extension(TYPE.bigint, () => writeBigint(writer, value));
  },
  undefined: (writer) => writer.extension(TYPE.undefined, () => {}),
};

function writeAll(writer: MessageWriter, values: Iterable<unknown>): void {
  for (const value of values) writer.write(value);
}

function partsOfError(error: Error): unknown[] {
  const { code } = error as { code?: unknown };
  const parts: unknown[] = [error.name, error.message];
  if (typeof code === 'string' || typeof code === 'number') parts.push(code);
  return parts;
}

function writeView(writer: MessageWriter, view: ArrayBufferView): void {
  writer.byte(TYPED_ARRAYS.findIndex((TypedArray) => view instanceof TypedArray));
  writer.bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

/** Sign, then the magnitude with its highest byte first. */
function writeBigint(writer: MessageWriter, value: bigint): void {
  const digits = (value < 0n ? -value : value).toString(16);
  writer.byte(value < 0n ? 1 : 0);
  writer.bytes(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

const messageReader = new MessageReader({
  narrowInt64: false,
  extension(reader, type, length) {
    switch (type) {
      case TYPE.undefined:
        return undefined;
      case TYPE.map:
        return readMap(readAll(reader, length));
      case TYPE.set:
        return new Set(readAll(reader, length));
      case TYPE.date:
        return new Date(reader.read() as number);
      case TYPE.bigint:
        return readBigint(reader.takeBytes(length));
      case TYPE.regexp:
        return readRegExp(readAll(reader, length));
      case TYPE.error:
        return readError(readAll(reader, length));
      case TYPE.typedArray:
        return readView(reader.takeBytes(length));
      default:
        throw new Malformed(`an unknown extension of type ${type}`);
    }
  },
});

function readAll(reader: MessageReader, length: number): unknown[] {
  const end = reader.position + length;
  return reader.nested(() => {
    const values: unknown[] = [];
    while (reader.position < end) values.push(reader.read());
    return values;
  });
}

function readMap(flat: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (let index = 0; index < flat.length; index += 2) map.set(flat[index], flat[index + 1]);
  return map;
}

function readBigint(bytes: Buffer): bigint {
  const magnitude = BigInt(`0x${bytes.toString('hex', 1)}`);
  return bytes[0] === 1 ? -magnitude : magnitude;
}

function readRegExp([source, flags]: readonly unknown[]): RegExp {
  return new RegExp(String(source), String(flags));
}

const ERRORS = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [each.name, each]),
);

/** The reader's own stack would point at the wrong place, so that there is none. */
function readError(parts: readonly unknown[]): Error {
  const [name, message] = parts.map(String) as [string, string];
  const error = new (ERRORS.get(name) ?? Error)(message);
  const own: Record<string, unknown> = { stack: `${name}: ${message}` };
  if (error.name !== name) own['name'] = name;
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  }
  return parts.length > 2 ? Object.assign(error, { code: parts[2] }) : error;
}

function readView(bytes: Buffer): ArrayBufferView {
  const TypedArray = TYPED_ARRAYS[bytes[0] ?? -1];
  if (TypedArray === undefined) throw new Malformed('an unknown kind of typed array');
  // a copy at the start of its own memory: elements must be aligned
  return new TypedArray(new Uint8Array(bytes.subarray(1)).buffer);
}

/** MessagePack with JavaScript's own types, by extensions of our own: what `msgpack({ profile: 'rich' })` returns. */
export const rich: Serializer = {
  name: 'msgpack-rich',
  refuse: (value) => findRefusal(value, RULES),
  write: (value, reserve) => writeMessage(value, reserve, WRITE),
  read: (bytes, start) => messageReader.readMessage(bytes, start),
};

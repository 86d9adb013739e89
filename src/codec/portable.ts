import { MessageReader } from './msgpack-reader.js';
import { type WriteDialect, writeMessage } from './msgpack-writer.js';
import { type Rules, findRefusal, isBinary } from './plain.js';
import { Malformed, type Serializer } from './serializer.js';

const RULES: Rules = {
  nonFinite: true,
  bigint: '64-bit',
  binary: true,
  date: 'valid',
  undefinedItem: false,
  rich: false,
};

const WRITE: WriteDialect = {
  portable: true,
  object(writer, value) {
    if (value instanceof Date) writer.integer(value.getTime());
    else if (isBinary(value)) writer.binary(value);
    else return false;
    return true;
  },
  bigint(writer, value) {
    const narrow = Number(value);
    if (Number.isSafeInteger(narrow)) writer.integer(narrow);
    else writer.bigint64(value);
  },
  // left out as a property and refused as an element: only an accessor that changes its mind gets here
  undefined: (writer) => writer.byte(0xc0),
};

const reader = new MessageReader({
  narrowInt64: true,
  extension(_reader, type) {
    throw new Malformed(`an extension of type ${type}, which the portable profile does not have`);
  },
});

/**
 * MessagePack as strictly typed languages read it: what `msgpack({ profile: 'portable' })` returns, and what Rust's
 * `rmp_serde::to_vec_named` writes. `docs/wire.md` has the rules.
 */
export const portable: Serializer = {
  name: 'msgpack-portable',
  refuse: (value) => findRefusal(value, RULES),
  write: (value, reserve) => writeMessage(value, reserve, WRITE),
  read: (bytes, start) => reader.readMessage(bytes, start),
};

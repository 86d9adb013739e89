import { isUtf8 } from 'node:buffer';
import { type Rules, findRefusal } from './plain.js';
import { Malformed, type Serializer } from './serializer.js';

const RULES: Rules = {
  nonFinite: false,
  bigint: 'none',
  binary: false,
  date: 'none',
  undefinedItem: false,
  rich: false,
};

const serializer: Serializer = {
  name: 'json',
  refuse: (value) => findRefusal(value, RULES),
  write(value, reserve) {
    const text = JSON.stringify(value);
    const bytes = Buffer.allocUnsafe(reserve + Buffer.byteLength(text));
    bytes.write(text, reserve, 'utf8');
    return bytes;
  },
  read: parse,
};

/**
 * The JSON serializer: for values that people read in `redis-cli` or other programs write. It carries null, booleans,
 * finite numbers, well-formed strings, arrays and plain objects; anything else is a `SerializationError`. Properties
 * that are undefined are left out.
 */
export function json(): Serializer {
  return serializer;
}

function parse(bytes: Buffer, start: number): unknown {
  if (!isUtf8(bytes.subarray(start))) throw new Malformed('the JSON is not UTF-8');
  const text = bytes.toString('utf8', start);
  const value: unknown = JSON.parse(text);
  // `__proto__` can be spelled in the text only as itself or with an escape of one of its letters
  if ((text.includes('__proto__') || text.includes('\\u00')) && hasPrototypeKey(value)) {
    throw new Malformed('the JSON has a property named __proto__');
  }
  return value;
}

function hasPrototypeKey(root: unknown): boolean {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) return true;
    for (const item of Object.values(value)) open.push(item);
  }
  return false;
}

/**
 * The smallest honest RESP speaker, RESP2 and RESP3: for looking at a server past the library under test, and for
 * proxies that must know where a command or a reply ends. It shares no code with the library on purpose.
 */

export type RespValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | RespError
  | RespPush
  | RespValue[]
  | Map<RespValue, RespValue>;

/** An error reply, as a value. */
export class RespError extends Error {
  override readonly name = 'RespError';

  /** The first word, the only part of an error's text that servers agree on. */
  get replyCode(): string {
    return this.message.split(' ', 1)[0] ?? '';
  }
}

/** Something the server said without having been asked. */
export class RespPush {
  readonly items: RespValue[];

  constructor(items: RespValue[]) {
    this.items = items;
  }
}

/** One value read from the start of a buffer, and where it ended. */
export interface Parsed {
  readonly value: RespValue;
  readonly end: number;
}

/** Reads one RESP value at `start`, or returns `undefined` when it is not complete yet. Bulk strings stay Buffers. */
export function parseResp(data: Buffer, start = 0): Parsed | undefined {
  const lineEnd = data.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const type = String.fromCharCode(data[start] as number);
  const line = data.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  const scalar = parseScalar(type, line);
  if (scalar !== undefined) return { value: scalar, end };
  const size = Number(line);
  if (size < 0) return { value: null, end };
  if (type === '$' || type === '=' || type === '!') return parseBlob({ data, type, start: end, size });
  return parseItems({ data, type, start: end, size });
}

function parseScalar(type: string, line: string): RespValue | undefined {
  if (type === '+') return line;
  if (type === '-') return new RespError(line);
  if (type === ':') return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
  if (type === '_') return null;
  if (type === '#') return line === 't';
  if (type === ',') return Number(line.replace('inf', 'Infinity'));
  if (type === '(') return BigInt(line);
  return undefined;
}

interface Body {
  readonly data: Buffer;
  readonly type: string;
  readonly start: number;
  readonly size: number;
}

function parseBlob({ data, type, start, size }: Body): Parsed | undefined {
  const end = start + size + 2;
  if (data.length < end) return undefined;
  const body = data.subarray(start, start + size);
  if (type === '!') return { value: new RespError(body.toString()), end };
  return { value: type === '=' ? body.subarray(4) : body, end };
}

function parseItems({ data, type, start, size }: Body): Parsed | undefined {
  if (!'*~>%|'.includes(type)) throw new Error(`Not RESP: a value that starts with ${JSON.stringify(type)}`);
  const isMap = type === '%' || type === '|';
  const items: RespValue[] = [];
  let at = start;
  for (let left = isMap ? size * 2 : size; left > 0; left--) {
    const item = parseResp(data, at);
    if (item === undefined) return undefined;
    items.push(item.value);
    at = item.end;
  }
  if (type === '|') return parseResp(data, at);
  if (type === '>') return { value: new RespPush(items), end: at };
  if (!isMap) return { value: items, end: at };
  const map = new Map<RespValue, RespValue>();
  for (let i = 0; i < items.length; i += 2) map.set(items[i] as RespValue, items[i + 1] as RespValue);
  return { value: map, end: at };
}

export type RawArg = string | number | Uint8Array;

/** A command in the form in which servers read it. */
export function encodeCommand(args: readonly RawArg[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'object' ? Buffer.from(arg) : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Buffers of a reply as UTF-8 strings, at every depth. */
export function asText(value: RespValue): RespValue {
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map(asText);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [asText(key), asText(item)]));
  return value;
}

/** A word of a command or reply as text; empty for what is no string. */
export function wordOf(value: RespValue | undefined): string {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString() : '';
}

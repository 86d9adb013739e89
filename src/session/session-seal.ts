import type { Codec, CodecContext } from '../codec/index.js';
import { wrong } from '../core/check.js';
import type { SessionRecord } from './record.js';

/** Facts about a session that are sealed beside its data. */
interface About {
  readonly userId?: string | undefined;
}

type Bound = SessionRecord['bound'];

const NOTHING = Buffer.alloc(0);

/**
 * Turns session data into the bytes that are stored, and back. Under a key ring the bytes are bound to their key and
 * field, to the time of creation, the absolute deadline and the user: whoever edits one of these in Redis, or moves the
 * bytes to another session, makes them unreadable. The idle deadline is not bound, because each use moves it.
 */
export class SessionSeal {
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  sealData(key: string, bound: Bound, data: object): Uint8Array {
    return this.#codec.encode(data, context(key, 'd', bound));
  }

  /** A copy of its own for each caller. @throws EncryptionError, DecodeError */
  openData(key: string, record: SessionRecord): object {
    return this.#codec.decode(record.data, context(key, 'd', record.bound)) as object;
  }

  sealUser(key: string, bound: Bound, userId: string | undefined): Uint8Array {
    if (userId === undefined) return NOTHING;
    const about: About = { userId };
    return this.#codec.encode(about, context(key, 'a', bound));
  }

  openUser(key: string, record: SessionRecord): string | undefined {
    if (record.about === undefined) return undefined;
    return (this.#codec.decode(record.about, context(key, 'a', record.bound)) as About).userId;
  }
}

function context(key: string, field: string, bound: Bound): CodecContext {
  return { domain: 'session', key, field, bound };
}

/** @throws ConfigError for anything but a plain object */
export function checkData(path: string, data: unknown): object {
  if (typeof data === 'object' && data !== null) {
    const prototype: unknown = Object.getPrototypeOf(data);
    if (prototype === Object.prototype || prototype === null) return data;
  }
  throw wrong(path, 'a plain object', data);
}

/** The data with the properties of the patch in place of its own; a property of the patch that is undefined goes. */
export function merge(data: object, patch: object): object {
  const merged = Object.entries({ ...data, ...patch }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(merged);
}

import { KeyObject, createHmac, createSecretKey } from 'node:crypto';
import { ConfigError } from '../core/errors.js';
import { systemRandom } from '../core/random.js';
import { KEY_BYTES, XaesKey } from './xaes.js';

/**
 * An encryption key: 32 random bytes, as `generateKey()` or `openssl rand -base64 32` makes them, in base64,
 * base64url or hexadecimal, as bytes, or as a secret `KeyObject`. A passphrase is not a key and is refused.
 */
export type KeyInput = string | Uint8Array | KeyObject;

/** A new random key of 32 bytes in base64url, fit for an environment variable. */
export function generateKey(): string {
  return systemRandom.bytes(KEY_BYTES).toString('base64url');
}

/** One key of a key ring. Printing it shows name and id, never the key. */
export class EncryptionKey extends XaesKey {
  readonly name: string;
  /** First 4 bytes of HMAC-SHA256(key, 'redis-utils/kid/v1'): what encrypted envelopes say they were sealed with. */
  readonly id: number;

  /** @throws ConfigError when the input is no key */
  constructor(path: string, name: string, input: KeyInput) {
    const key = toKeyObject(path, input);
    super(key);
    this.name = name;
    this.id = createHmac('sha256', key).update('redis-utils/kid/v1').digest().readUInt32BE();
  }
}

/** How a key's id is shown: 8 hex digits. */
export function showKeyId(id: number): string {
  return id.toString(16).padStart(8, '0');
}

/** The key as an object that does not show itself. @throws ConfigError under `path` when the input is no key */
export function toKeyObject(path: string, input: KeyInput): KeyObject {
  if (input instanceof KeyObject) {
    if (input.type === 'secret' && input.symmetricKeySize === KEY_BYTES) return input;
    throw notAKey(path, 'a KeyObject of another type or size');
  }
  const bytes = typeof input === 'string' ? parse(input) : input;
  if (bytes === undefined) throw notAKey(path, 'a string that is none of these');
  if (!(bytes instanceof Uint8Array)) throw notAKey(path, 'something else');
  if (bytes.length !== KEY_BYTES) throw notAKey(path, `${bytes.length} bytes`);
  return createSecretKey(bytes);
}

/** Only the exact spelling of some bytes: Node's own decoders skip whatever they do not know. */
function parse(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  const encoding = /[-_]/.test(text) ? 'base64url' : 'base64';
  const bytes = Buffer.from(text, encoding);
  const unpadded = text.replace(/={1,2}$/, '');
  return bytes.toString(encoding).replace(/=+$/, '') === unpadded ? bytes : undefined;
}

function notAKey(option: string, received: string): ConfigError {
  const expected = '32 random bytes as base64, base64url, hex, Uint8Array or KeyObject (generateKey() makes one)';
  return new ConfigError([{ option, expected, received }]);
}

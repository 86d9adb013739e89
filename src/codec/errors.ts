/**
 * Errors of values on their way to and from Redis. They name the key and the place inside the value, and say what is
 * wrong; they never show a byte of the value, and therefore carry no `cause` of a parser that would.
 */
import { RedisUtilsError, identify } from '../core/errors.js';

/** Base of all errors of the codec. `key` is the full Redis key or channel the value belongs to. */
export abstract class CodecError extends RedisUtilsError {
  readonly key: string;

  static {
    identify(this, 'CodecError', 'RU_CODEC');
  }

  constructor(message: string, key: string) {
    super(message);
    this.key = key;
  }
}

/** The value would not come back as it went in. Nothing was sent. `path` is the place, `$` being the value itself. */
export class SerializationError extends CodecError {
  declare readonly code: 'RU_SERIALIZATION';
  readonly path: string;

  static {
    identify(this, 'SerializationError', 'RU_SERIALIZATION');
  }

  constructor(facts: { readonly key: string; readonly path: string; readonly problem: string }) {
    super(`Cannot store ${named(facts.key)}: ${facts.path}: ${facts.problem}`, facts.key);
    this.path = facts.path;
  }
}

/**
 * Why stored bytes were refused:
 * - `truncated`: shorter than their own header;
 * - `checksum`: changed since they were written;
 * - `version`: of a kind or version that this release does not know, most likely written by a newer one;
 * - `runtime`: compressed with an algorithm that this Node.js does not have;
 * - `too-large`: inflates beyond `compression.maxSize`;
 * - `malformed`: not what the serializer writes.
 */
export type DecodeReason = 'truncated' | 'checksum' | 'version' | 'runtime' | 'too-large' | 'malformed';

/** The stored bytes are no value that this library wrote, or no longer. They are never returned as data. */
export class DecodeError extends CodecError {
  declare readonly code: 'RU_DECODE';
  readonly reason: DecodeReason;

  static {
    identify(this, 'DecodeError', 'RU_DECODE');
  }

  constructor(facts: { readonly key: string; readonly reason: DecodeReason; readonly detail: string }) {
    super(`Cannot decode ${named(facts.key)}: ${facts.detail}`, facts.key);
    this.reason = facts.reason;
  }
}

/** The stored bytes have no envelope, so somebody else wrote them, and no option says how to read them. */
export class ForeignValueError extends CodecError {
  declare readonly code: 'RU_FOREIGN_VALUE';

  static {
    identify(this, 'ForeignValueError', 'RU_FOREIGN_VALUE');
  }

  constructor(key: string) {
    super(
      `Cannot decode ${named(key)}: it has no envelope, so it was not written by this library – ` +
        "set `codec.foreign` to 'json', 'msgpack' or 'raw' to read it",
      key,
    );
  }
}

/**
 * Why an encrypted value was refused, or a value that should have been encrypted:
 * - `tampered`: not what was sealed under this key for this Redis key and domain;
 * - `unknown-key`: sealed under a key that this codec does not have, with a key ring or without one (`retired` tells if
 *   the key ring once had it);
 * - `truncated`: shorter than nonce and tag;
 * - `not-encrypted`: plain, while the key ring demands encryption (`codec.allowPlaintext` reads it all the same).
 */
export type EncryptionReason = 'tampered' | 'unknown-key' | 'truncated' | 'not-encrypted';

/**
 * The value was not decrypted. `unknown-key` is a matter of configuration, not of the data: leave the value alone, a
 * process with the right key ring can read it.
 */
export class EncryptionError extends CodecError {
  declare readonly code: 'RU_ENCRYPTION';
  readonly reason: EncryptionReason;
  /** Id of the key it was sealed with, 8 hex digits; only with `unknown-key` and `tampered`. */
  readonly keyId: string | undefined;
  /** True when the key ring lists that key as retired. */
  readonly retired: boolean;

  static {
    identify(this, 'EncryptionError', 'RU_ENCRYPTION');
  }

  constructor(
    reason: EncryptionReason,
    facts: { readonly key: string; readonly keyId?: string | undefined; readonly retired?: boolean },
  ) {
    super(`Cannot decrypt ${named(facts.key)}: ${explain(reason, facts)}`, facts.key);
    this.reason = reason;
    this.keyId = facts.keyId;
    this.retired = facts.retired ?? false;
  }
}

function explain(reason: EncryptionReason, facts: { readonly keyId?: string | undefined; readonly retired?: boolean }) {
  switch (reason) {
    case 'tampered':
      return 'it was changed, or moved here from another key or domain';
    case 'unknown-key':
      return facts.retired === true
        ? `its key ${facts.keyId} is retired`
        : `its key ${facts.keyId} is not at hand – give every reader a key ring with a new key before that key becomes active`;
    case 'truncated':
      return 'it is shorter than nonce and tag';
    case 'not-encrypted':
      return 'it is not encrypted – `codec.allowPlaintext` accepts such values while they are migrated';
  }
}

function named(key: string): string {
  return `the value of ${JSON.stringify(key)}`;
}

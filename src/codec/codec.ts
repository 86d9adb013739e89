/**
 * The way of a value: refuse what would not come back → serializer → compression → encryption → envelope, and back.
 * Every step before the serializer on the way back either vouches for the bytes or throws: corrupt, foreign and old values and
 * those sealed with other keys are told apart, and never returned as data.
 */
import { asBuffer } from '../core/bytes.js';
import { DEFAULT_MAX_SIZE, inflate } from './compression.js';
import { checkContext, type CodecContext } from './context.js';
import { decrypt, encrypt } from './encryption.js';
import * as envelope from './envelope.js';
import { DecodeError, EncryptionError, ForeignValueError, SerializationError } from './errors.js';
import { type CodecOptions, type CodecSettings, checkCodecOptions } from './options.js';
import { FOREIGN_READERS, READERS } from './readers.js';
import { Malformed, type Serializer } from './serializer.js';

/** Turns values into the bytes to store, and back. Synchronous and without state: one codec serves any number of keys. */
export interface Codec {
  /**
   * The bytes to store. They may share memory with the bytes of other values, and are never changed afterwards.
   *
   * @param reserve how many bytes to leave free before them, for what the caller puts there; default 0
   * @throws SerializationError `RU_SERIALIZATION` for a value that would not come back as it is; ConfigError for a
   *   context without a key
   */
  encode(value: unknown, context: CodecContext, reserve?: number): Uint8Array;
  /**
   * The stored value. It owns all its memory: the bytes may be reused at once.
   *
   * @param start where the value begins in the bytes, default 0; it ends where they end
   * @throws DecodeError `RU_DECODE`, ForeignValueError `RU_FOREIGN_VALUE`, EncryptionError `RU_ENCRYPTION`
   */
  decode(bytes: Uint8Array, context: CodecContext, start?: number): unknown;
}

/**
 * A codec by itself, outside of the modules.
 *
 * @throws ConfigError `RU_CONFIG` for options that are unknown, wrong or contradict each other
 */
export function createCodec(options: CodecOptions = {}): Codec {
  const settings = checkCodecOptions(options);
  return settings.envelope ? new EnvelopeCodec(settings) : new BareCodec(settings.serializer);
}

class EnvelopeCodec implements Codec {
  readonly #settings: CodecSettings;
  /** Flags of a value that is neither compressed nor encrypted. */
  readonly #plainFlags: number;
  /** Whether bytes go from the serializer straight into the envelope. */
  readonly #direct: boolean;

  constructor(settings: CodecSettings) {
    this.#settings = settings;
    const serializer = settings.serializer.name;
    this.#plainFlags = envelope.flagsOf({ serializer, compression: undefined, encrypted: false });
    this.#direct = settings.compressor === undefined && settings.keyring === undefined;
  }

  encode(value: unknown, context: CodecContext, reserve = 0): Uint8Array {
    const { serializer, compressor, keyring } = this.#settings;
    checkContext(context);
    assertStorable(value, serializer, context);
    const free = reserve + envelope.HEADER_BYTES;
    if (this.#direct) return envelope.sealPlain(serializer.write(value, free), this.#plainFlags, reserve);
    const payload = serializer.write(value, 0);
    const compressed = compressor?.compress(payload);
    const flags = envelope.flagsOf({
      serializer: serializer.name,
      compression: compressed === undefined ? undefined : compressor?.algorithm,
      encrypted: keyring !== undefined,
    });
    const content = compressed ?? payload;
    if (keyring === undefined) return envelope.sealPlain(Buffer.concat([Buffer.alloc(free), content]), flags, reserve);
    const sealed = encrypt(content, { flags, keyring, context });
    return reserve === 0 ? sealed : Buffer.concat([Buffer.alloc(reserve), sealed]);
  }

  decode(input: Uint8Array, context: CodecContext, start = 0): unknown {
    const { compressor } = this.#settings;
    checkContext(context);
    const { key } = context;
    const bytes = asBuffer(input);
    if (envelope.isForeign(bytes, start)) return this.#decodeForeign(bytes, start, key);
    const format = envelope.formatOf(bytes, start, key);
    let payload = bytes;
    let payloadStart = 0;
    if (format.encrypted) payload = decrypt(bytes.subarray(start), this.#settings.keyring, context);
    else payloadStart = this.#openPlain(bytes, start, key);
    if (format.compression !== undefined) {
      const maxSize = compressor?.maxSize ?? DEFAULT_MAX_SIZE;
      payload = inflate(payload.subarray(payloadStart), format.compression, { key, maxSize });
      payloadStart = 0;
    }
    try {
      return READERS[format.serializer].read(payload, payloadStart);
    } catch (error) {
      throw malformed(error, key);
    }
  }

  /** Where the payload of a plain envelope begins, if its checksum is right and plain values are welcome. */
  #openPlain(bytes: Buffer, start: number, key: string): number {
    const { keyring, allowPlaintext } = this.#settings;
    if (keyring !== undefined && !allowPlaintext) throw new EncryptionError('not-encrypted', { key });
    return envelope.verifiedPayload(bytes, start, key);
  }

  #decodeForeign(bytes: Buffer, start: number, key: string): unknown {
    const { keyring, allowPlaintext, foreign } = this.#settings;
    if (keyring !== undefined && !allowPlaintext) throw new EncryptionError('not-encrypted', { key });
    if (foreign === undefined) throw new ForeignValueError(key);
    try {
      return FOREIGN_READERS[foreign](bytes, start);
    } catch (error) {
      throw malformed(error, key);
    }
  }
}

/** No envelope: what the serializer writes is what is stored. */
class BareCodec implements Codec {
  readonly #serializer: Serializer;

  constructor(serializer: Serializer) {
    this.#serializer = serializer;
  }

  encode(value: unknown, context: CodecContext, reserve = 0): Uint8Array {
    assertStorable(value, this.#serializer, context);
    return this.#serializer.write(value, reserve);
  }

  decode(bytes: Uint8Array, { key }: CodecContext, start = 0): unknown {
    try {
      return this.#serializer.read(asBuffer(bytes), start);
    } catch (error) {
      throw malformed(error, key);
    }
  }
}

function assertStorable(value: unknown, serializer: Serializer, { key }: CodecContext): void {
  const refusal = serializer.refuse(value);
  if (refusal !== undefined) throw new SerializationError({ key, path: refusal.path, problem: refusal.problem });
}

/** A reader's own words may quote the value; only ours may be shown. */
function malformed(error: unknown, key: string): DecodeError {
  const detail = error instanceof Malformed ? error.message : 'it is not what its serializer writes';
  return new DecodeError({ key, reason: 'malformed', detail });
}

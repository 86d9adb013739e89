import { checkBoolean, checkKnown, checkOneOf, wrong } from '../core/check.js';
import { type CompressionOptions, Compressor } from './compression.js';
import { Keyring } from './keyring.js';
import { msgpack } from './msgpack.js';
import { SERIALIZER_NAMES, type Serializer } from './serializer.js';

/** How values become bytes. Every part has its default, so that `{}` is MessagePack in an envelope. */
export interface CodecOptions {
  /** What new values are written with, default `msgpack()`. An envelope says by itself what it was written with. */
  readonly serializer?: Serializer | undefined;
  /**
   * Compression of values from a threshold on, default off. With encryption it is applied first, and then the length
   * of what is stored says something about its content: whoever can put text of their choice beside a secret into the
   * same value, and can see sizes, can guess the secret piece by piece (CRIME). Leave it off for such values.
   */
  readonly compression?: CompressionOptions | false | undefined;
  /** The keys to encrypt with, default none. */
  readonly encryption?: Keyring | false | undefined;
  /**
   * False stores what the serializer gives and nothing else, for keys shared with other programs. Corrupt, foreign and
   * old values can then no longer be told apart from data, and neither compression nor encryption is possible.
   * Default true.
   */
  readonly envelope?: boolean | undefined;
  /** How to read values without an envelope, which somebody else wrote. Default: they are a `ForeignValueError`. */
  readonly foreign?: 'json' | 'msgpack' | 'raw' | undefined;
  /**
   * With a key ring: also read values that are not encrypted, while they are migrated. Whoever can write to Redis can
   * then replace any encrypted value by a plain one. Default false.
   */
  readonly allowPlaintext?: boolean | undefined;
}

/** The options with their defaults, after all checks. */
export interface CodecSettings {
  readonly serializer: Serializer;
  readonly compressor: Compressor | undefined;
  readonly keyring: Keyring | undefined;
  readonly envelope: boolean;
  readonly foreign: 'json' | 'msgpack' | 'raw' | undefined;
  readonly allowPlaintext: boolean;
}

const FOREIGN = ['json', 'msgpack', 'raw'] as const;
const NAMES = ['serializer', 'compression', 'encryption', 'envelope', 'foreign', 'allowPlaintext'];

/** @throws ConfigError */
export function checkCodecOptions(options: CodecOptions): CodecSettings {
  checkKnown('codec', options, NAMES);
  const settings: CodecSettings = {
    serializer: checkSerializer(options.serializer ?? msgpack()),
    compressor: checkCompression(options.compression),
    keyring: checkEncryption(options.encryption),
    envelope: checkBoolean('codec.envelope', options.envelope ?? true),
    foreign: options.foreign === undefined ? undefined : checkOneOf('codec.foreign', options.foreign, FOREIGN),
    allowPlaintext: checkBoolean('codec.allowPlaintext', options.allowPlaintext ?? false),
  };
  if (!settings.envelope) refuseBare(settings);
  return settings;
}

function refuseBare({ compressor, keyring, foreign }: CodecSettings): void {
  if (compressor !== undefined || keyring !== undefined) {
    throw wrong('codec.envelope', 'true together with compression or encryption, which need it', false);
  }
  if (foreign !== undefined) {
    throw wrong('codec.envelope', 'true together with `foreign`, which tells values without one apart', false);
  }
}

function checkSerializer(value: Serializer): Serializer {
  if (typeof value === 'object' && value !== null && SERIALIZER_NAMES.includes(value.name)) return value;
  throw wrong('codec.serializer', 'msgpack(), json() or raw()', value);
}

function checkCompression(options: CompressionOptions | false | undefined): Compressor | undefined {
  return options === undefined || options === false ? undefined : new Compressor('codec.compression', options);
}

function checkEncryption(keyring: Keyring | false | undefined): Keyring | undefined {
  if (keyring === undefined || keyring === false) return undefined;
  if (keyring instanceof Keyring) return keyring;
  throw wrong('codec.encryption', 'a Keyring or false', keyring);
}

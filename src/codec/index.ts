/** Values to bytes and back: serializers, compression, encryption, the envelope. */
export { type Codec, createCodec } from './codec.js';
export type { CompressionAlgorithm, CompressionOptions } from './compression.js';
export type { CodecContext } from './context.js';
export { type KeyInput, generateKey } from './encryption-key.js';
export {
  CodecError,
  DecodeError,
  type DecodeReason,
  EncryptionError,
  type EncryptionReason,
  ForeignValueError,
  SerializationError,
} from './errors.js';
export { json } from './json.js';
export { type KeyDescription, Keyring, type KeyringOptions } from './keyring.js';
export { msgpack } from './msgpack.js';
export type { CodecOptions } from './options.js';
export { raw } from './raw.js';
export type { Serializer } from './serializer.js';

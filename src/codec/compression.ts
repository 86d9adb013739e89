import * as zlib from 'node:zlib';
import { checkInteger, checkKnown, checkOneOf } from '../core/check.js';
import { ConfigError } from '../core/errors.js';
import { DecodeError } from './errors.js';

/** The algorithms; the envelope stores the position counted from one. */
export const ALGORITHM_NAMES = ['zstd', 'brotli', 'gzip'] as const;
export type CompressionAlgorithm = (typeof ALGORITHM_NAMES)[number];

/** When and how serialized values are compressed. A value is compressed only if that saves at least a tenth of it. */
export interface CompressionOptions {
  /** Serialized bytes from which on compression is tried; 1 or more, default 1024. */
  readonly threshold?: number | undefined;
  /** `auto` (the default) is zstd where this Node.js has it (22.15, 23.8 or later), else brotli. */
  readonly algorithm?: 'auto' | CompressionAlgorithm | undefined;
  /**
   * Bytes that a stored value may inflate to, 1 KiB to 1 GiB, default 64 MiB: beyond that reading it is a
   * `DecodeError` with reason `too-large`. Larger values are stored uncompressed.
   */
  readonly maxSize?: number | undefined;
}

export const DEFAULT_MAX_SIZE = 64 * 1024 * 1024;
const DEFAULT_THRESHOLD = 1024;
/** What must be left after compression, at most, for it to be worth the time of every later read. */
const WORTHWHILE = 0.9;

/** Fast settings: a cache waits for them on every write, on the thread that serves requests. */
const BROTLI = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } };
const GZIP = { level: 1 };

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
/** zstd is younger than the oldest Node.js that runs this. */
interface ZstdFunctions {
  readonly zstdCompressSync: (bytes: Uint8Array) => Buffer;
  readonly zstdDecompressSync: Inflate;
}
const zstd: ZstdFunctions | undefined = 'zstdDecompressSync' in zlib ? (zlib as unknown as ZstdFunctions) : undefined;

const DEFLATE: Record<CompressionAlgorithm, ((bytes: Uint8Array) => Buffer) | undefined> = {
  zstd: zstd?.zstdCompressSync,
  brotli: (bytes) => zlib.brotliCompressSync(bytes, BROTLI),
  gzip: (bytes) => zlib.gzipSync(bytes, GZIP),
};

const INFLATE: Record<CompressionAlgorithm, Inflate | undefined> = {
  zstd: zstd?.zstdDecompressSync,
  brotli: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
};

const NEEDS_NODE = 'zstd needs 22.15, 23.8 or later';

/** Options that have been checked, with one algorithm chosen. */
export class Compressor {
  readonly algorithm: CompressionAlgorithm;
  readonly maxSize: number;
  readonly #threshold: number;
  readonly #deflate: (bytes: Uint8Array) => Buffer;

  /** @throws ConfigError */
  constructor(path: string, options: CompressionOptions) {
    checkKnown(path, options, ['threshold', 'algorithm', 'maxSize']);
    const max = 1024 ** 3;
    this.#threshold = checkInteger(`${path}.threshold`, options.threshold ?? DEFAULT_THRESHOLD, { min: 1, max });
    this.maxSize = checkInteger(`${path}.maxSize`, options.maxSize ?? DEFAULT_MAX_SIZE, { min: 1024, max });
    const wanted = checkOneOf(`${path}.algorithm`, options.algorithm ?? 'auto', ['auto', ...ALGORITHM_NAMES]);
    this.algorithm = wanted === 'auto' ? (zstd === undefined ? 'brotli' : 'zstd') : wanted;
    const deflate = DEFLATE[this.algorithm];
    if (deflate === undefined) {
      const expected = `an algorithm that this Node.js has (${NEEDS_NODE})`;
      throw new ConfigError([{ option: `${path}.algorithm`, expected, received: wanted }]);
    }
    this.#deflate = deflate;
  }

  /** The compressed payload, or undefined if it is to be stored as it is. */
  compress(payload: Buffer): Buffer | undefined {
    if (payload.length < this.#threshold || payload.length > this.maxSize) return undefined;
    const compressed = this.#deflate(payload);
    return compressed.length <= payload.length * WORTHWHILE ? compressed : undefined;
  }
}

/** @throws DecodeError `runtime`, `too-large`, `malformed` */
export function inflate(
  payload: Buffer,
  algorithm: CompressionAlgorithm,
  { key, maxSize }: { readonly key: string; readonly maxSize: number },
): Buffer {
  const inflateSync = INFLATE[algorithm];
  if (inflateSync === undefined) {
    const detail = `it is compressed with zstd, which this Node.js does not have (${NEEDS_NODE})`;
    throw new DecodeError({ key, reason: 'runtime', detail });
  }
  try {
    return inflateSync(payload, { maxOutputLength: maxSize });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DecodeError({ key, reason: 'too-large', detail: `it inflates to more than ${maxSize} bytes` });
    }
    throw new DecodeError({ key, reason: 'malformed', detail: `it does not inflate as ${algorithm}` });
  }
}

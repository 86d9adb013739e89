import type { Refusal } from './plain.js';

/** The serializers, at the number that the envelope stores. Numbers are never reused. */
export const SERIALIZER_NAMES = ['raw', 'msgpack', 'msgpack-portable', 'msgpack-rich', 'json'] as const;
export type SerializerName = (typeof SERIALIZER_NAMES)[number];

/** Turns values into bytes and back. Made by `msgpack()`, `json()` and `raw()`; the envelope has room for no others. */
export interface Serializer {
  readonly name: SerializerName;
  /** What in the value would not come back as it went in, or undefined. */
  refuse(value: unknown): Refusal | undefined;
  /**
   * The bytes of a value that `refuse` let pass, behind `reserve` bytes left free for a header. The result belongs to
   * the caller, who may write into the reserved part; its memory is never written again by the serializer.
   */
  write(value: unknown, reserve: number): Buffer;
  /**
   * The value of exactly the bytes from `start` on, which nobody need vouch for. The value owns all its memory. Throws
   * when they are malformed; only the message of `Malformed` may be shown.
   */
  read(bytes: Buffer, start: number): unknown;
}

/** Thrown by readers; the message holds no byte of the value and so may be shown. */
export class Malformed extends Error {}

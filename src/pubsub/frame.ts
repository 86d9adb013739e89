/**
 * The header in front of a published value, version 1 (`docs/wire.md`):
 *
 *     0      0xC1
 *     1      0x03   kind: message
 *     2      flags, 0 in this version; a reader rejects bits it does not know
 *     3-10   publisher id, 8 random bytes
 *     11-16  sequence number of this publisher on this channel, unsigned, big endian
 *     17-22  sent at, wall clock of the publisher in ms, unsigned, big endian; for information only
 *     23-    the value's envelope
 */
import { FRAME_MAGIC } from '../codec/envelope.js';
import type { CodecContext } from '../codec/index.js';

export const HEADER_BYTES = 23;
const KIND = 0x03;

/** What of a header a publisher fills in. */
export interface Header {
  readonly publisher: Buffer;
  readonly sequence: number;
  readonly sentAtMs: number;
}

export function writeHeader(into: Buffer, header: Header): void {
  into[0] = FRAME_MAGIC;
  into[1] = KIND;
  into[2] = 0;
  header.publisher.copy(into, 3);
  into.writeUIntBE(header.sequence, 11, 6);
  into.writeUIntBE(header.sentAtMs, 17, 6);
}

/** True for what was published with a header, of any version; anything else is a foreign publisher's. */
export function isFramed(payload: Buffer): boolean {
  return payload.length >= 2 && payload[0] === FRAME_MAGIC && payload[1] === KIND;
}

/** What is wrong with a header, in words, or undefined. */
export function headerProblem(payload: Buffer): string | undefined {
  if (payload.length <= HEADER_BYTES) return 'it is shorter than its own header';
  if (payload[2] !== 0) return 'it has header flags that this release does not know';
  if (payload[HEADER_BYTES] !== FRAME_MAGIC) return 'its header is not followed by the envelope of a value';
  return undefined;
}

/** Whether the framed message comes from the publisher with this id. */
export function isFrom(payload: Buffer, publisher: Buffer): boolean {
  return publisher.compare(payload, 3, 11) === 0;
}

/** The publisher's id in text form: base64url, 11 characters. */
export function publisherOf(payload: Buffer): string {
  return payload.toString('base64url', 3, 11);
}

/**
 * What the value is bound to when it is encrypted: its channel, and its header, so that nobody without the key can put
 * a message under another publisher or number. Without encryption the codec never asks for the header.
 */
export class FrameContext implements CodecContext {
  readonly domain = 'pubsub';
  readonly key: string;
  readonly #header: Buffer;

  constructor(channel: string, header: Buffer) {
    this.key = channel;
    this.#header = header;
  }

  get bound(): readonly string[] {
    return [this.#header.toString('hex', 0, HEADER_BYTES)];
  }
}

import { DecodeError, type Codec, type CodecContext } from '../codec/index.js';
import type { Clock } from '../core/clock.js';
import { FrameContext, HEADER_BYTES, headerProblem, isFramed, isFrom, publisherOf, writeHeader } from './frame.js';
import { Sequences } from './sequence.js';

/** From values to payloads and back, for one publisher. */
export class MessageFormat {
  readonly #codec: Codec;
  readonly #framed: boolean;
  readonly #publisher: Buffer;
  readonly #publisherText: string;
  readonly #clock: Clock;
  readonly #sequences = new Sequences();

  /** @param options.framed false: payloads are bare values, so that any program can read and write them */
  constructor(options: {
    readonly codec: Codec;
    readonly framed: boolean;
    readonly publisher: Buffer;
    readonly clock: Clock;
  }) {
    this.#codec = options.codec;
    this.#framed = options.framed;
    this.#publisher = options.publisher;
    this.#publisherText = options.publisher.toString('base64url');
    this.#clock = options.clock;
  }

  /** The payload of a message; takes the channel's next number, unless the value is refused. */
  encode(channel: string, value: unknown): Uint8Array {
    if (!this.#framed) return this.#codec.encode(value, bare(channel));
    const sequence = this.#sequences.peek(channel);
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    const sentAtMs = Math.max(0, Math.floor(this.#clock.wallMs()));
    writeHeader(header, { publisher: this.#publisher, sequence, sentAtMs });
    const body = this.#codec.encode(value, new FrameContext(channel, header));
    this.#sequences.commit(channel, sequence);
    return Buffer.concat([header, body]);
  }

  /** @throws DecodeError, ForeignValueError, EncryptionError */
  decode(channel: string, payload: Buffer): unknown {
    if (!this.#isFramed(payload)) return this.#codec.decode(payload, bare(channel));
    const problem = headerProblem(payload);
    if (problem !== undefined) {
      const reason = payload.length <= HEADER_BYTES ? 'truncated' : 'version';
      throw new DecodeError({ key: channel, reason, detail: problem });
    }
    return this.#codec.decode(payload.subarray(HEADER_BYTES), new FrameContext(channel, payload));
  }

  isOwn(payload: Buffer): boolean {
    return this.#isFramed(payload) && payload.length > HEADER_BYTES && isFrom(payload, this.#publisher);
  }

  /** Id of the publisher; empty for a foreign one. */
  publisherOf(payload: Buffer): string {
    if (!this.#isFramed(payload)) return '';
    return this.isOwn(payload) ? this.#publisherText : publisherOf(payload);
  }

  #isFramed(payload: Buffer): boolean {
    return this.#framed && isFramed(payload);
  }
}

function bare(channel: string): CodecContext {
  return { domain: 'pubsub', key: channel };
}

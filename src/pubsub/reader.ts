import type { IncomingMessage } from '../client/driver.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import { PayloadError } from './errors.js';
import type { MessageFormat } from './format.js';
import type { Message } from './message.js';
import { validate } from './schema.js';

export interface ReaderOptions<T> {
  readonly format: MessageFormat;
  readonly schema: StandardSchemaV1<unknown, T> | undefined;
  readonly prefixLength: number;
  /** The pattern as the user gave it, on a subscription of a pattern. */
  readonly pattern: string | undefined;
}

/** Turns what came from the server into messages of one subscription. */
export class MessageReader<T> {
  readonly #format: MessageFormat;
  readonly #schema: StandardSchemaV1<unknown, T> | undefined;
  readonly #prefixLength: number;
  readonly #pattern: string | undefined;

  constructor(options: ReaderOptions<T>) {
    this.#format = options.format;
    this.#schema = options.schema;
    this.#prefixLength = options.prefixLength;
    this.#pattern = options.pattern;
  }

  isOwn(incoming: IncomingMessage): boolean {
    return this.#format.isOwn(incoming.payload);
  }

  /**
   * The message, as a promise only when the schema answers later.
   * @throws PayloadError (or rejects with it): it cannot be decoded or does not match
   */
  read(incoming: IncomingMessage): Message<T> | Promise<Message<T>> {
    const channel = incoming.channel.slice(this.#prefixLength);
    try {
      const data = this.#format.decode(incoming.channel, incoming.payload);
      if (this.#schema === undefined) return this.#message(channel, incoming.payload, data as T);
      const valid = validate(this.#schema, data, { channel, direction: 'incoming' });
      if (!(valid instanceof Promise)) return this.#message(channel, incoming.payload, valid);
      return valid.then(
        (late) => this.#message(channel, incoming.payload, late),
        (error: unknown) => {
          throw asPayloadError(channel, error);
        },
      );
    } catch (error) {
      throw asPayloadError(channel, error);
    }
  }

  #message(channel: string, payload: Buffer, data: T): Message<T> {
    const publisher = this.#format.publisherOf(payload);
    const self = this.#format.isOwn(payload);
    if (this.#pattern === undefined) return { data, channel, publisher, self };
    return { data, channel, pattern: this.#pattern, publisher, self };
  }
}

function asPayloadError(channel: string, error: unknown): PayloadError {
  if (error instanceof PayloadError) return error;
  return new PayloadError({ channel, direction: 'incoming', cause: error });
}

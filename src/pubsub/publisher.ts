import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { MessageFormat } from './format.js';
import type { PublishOptions } from './options.js';
import { validate } from './schema.js';
import { Turns } from './turns.js';

/** Sends a payload; gives the number of receivers. */
type Send = (channel: string, payload: Uint8Array, options: PublishOptions | undefined) => Promise<number>;

interface Target<T> {
  /** The channel, without prefix. */
  readonly name: string;
  readonly schema: StandardSchemaV1<unknown, T> | undefined;
}

/** The way out: schema, then codec and header, then the server, in the order of the calls on each channel. */
export class Publisher {
  readonly #format: MessageFormat;
  readonly #prefix: string;
  readonly #send: Send;
  readonly #turns = new Turns();

  constructor(options: { readonly format: MessageFormat; readonly prefix: string; readonly send: Send }) {
    this.#format = options.format;
    this.#prefix = options.prefix;
    this.#send = options.send;
  }

  /** Throws what is wrong with the message; otherwise settles as the server answers. */
  publish<T>(target: Target<T>, message: T, options: PublishOptions | undefined): Promise<number> {
    const { name, schema } = target;
    const value = schema === undefined ? message : validate(schema, message, { channel: name, direction: 'outgoing' });
    const late = schema !== undefined && value instanceof Promise;
    const channel = this.#prefix + name;
    if (!late && !this.#turns.busy(channel)) return this.#sendNow(channel, value, options);
    return this.#turns.take(channel, value, (ready) => this.#sendNow(channel, ready, options));
  }

  #sendNow(channel: string, value: unknown, options: PublishOptions | undefined): Promise<number> {
    return this.#send(channel, this.#format.encode(channel, value), options);
  }
}

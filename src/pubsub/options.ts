import type { CodecOptions } from '../codec/index.js';
import { checkBoolean, checkFunction, checkInteger, checkKnown, checkOneOf, wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { Overflow, SubscribeOptions } from './message.js';

/** Channels of any name, with messages of any type. */
export type AnyChannels = Readonly<Record<string, unknown>>;

export interface PubSubOptions<M = AnyChannels> {
  /** What every channel's name begins with at the server. Default: nothing, names are literal. */
  readonly prefix?: string | undefined;
  /**
   * How values are written and read. Default: the manager's `codec`. With `envelope: false` messages go out as bare
   * values for foreign subscribers: without publisher, so that `self` is never true and `ignoreSelf` has no effect.
   */
  readonly codec?: CodecOptions | undefined;
  /** How to read payloads without an envelope, which foreign publishers send. Default: the codec's, else `'json'`. */
  readonly foreign?: CodecOptions['foreign'] | undefined;
  /** Schemas of channels by name. `PubSubManager<M>` then knows the type of each. */
  readonly channels?: { readonly [C in keyof M]?: StandardSchemaV1<unknown, M[C]> } | undefined;
}

export interface PublishOptions {
  /** How long to wait for the server's answer. Default: the manager's `commandTimeout`. */
  readonly timeout?: Duration | undefined;
  /** Ends the wait with `signal.reason`. A message that was sent may still be delivered. */
  readonly signal?: AbortSignal | undefined;
}

/** Subscribe options, checked and complete, without schema and signal. */
export interface InboxSettings<T> {
  readonly max: number;
  readonly overflow: Overflow<T>;
  readonly onInvalid: NonNullable<SubscribeOptions<T>['onInvalid']>;
  readonly ignoreSelf: boolean;
}

const DEFAULT_MAX = 1_000;
const MOST = 1_000_000;

export function checkPubSubOptions<M>(options: PubSubOptions<M>): void {
  checkKnown('pubsub', options, ['prefix', 'codec', 'foreign', 'channels']);
  const { prefix, foreign, channels } = options;
  if (prefix !== undefined && (typeof prefix !== 'string' || !prefix.isWellFormed())) {
    throw wrong('pubsub.prefix', 'a well-formed string', prefix);
  }
  if (foreign !== undefined) checkOneOf('pubsub.foreign', foreign, ['json', 'msgpack', 'raw']);
  for (const [name, schema] of Object.entries(channels ?? {})) checkSchema(`pubsub.channels.${name}`, schema);
}

export function checkPublishOptions(options: PublishOptions | undefined): void {
  if (options !== undefined) checkKnown('publish', options, ['timeout', 'signal']);
}

export function checkSubscribeOptions<T>(options: SubscribeOptions<T>): InboxSettings<T> {
  checkKnown('subscribe', options, ['schema', 'onInvalid', 'ignoreSelf', 'signal', 'buffer']);
  const { schema, onInvalid = 'skip', ignoreSelf = false, buffer = {} } = options;
  if (schema !== undefined) checkSchema('subscribe.schema', schema);
  if (typeof onInvalid !== 'function') checkOneOf('subscribe.onInvalid', onInvalid, ['skip', 'throw']);
  checkBoolean('subscribe.ignoreSelf', ignoreSelf);
  checkKnown('subscribe.buffer', buffer, ['max', 'overflow']);
  const { overflow = 'drop-oldest' } = buffer;
  if (typeof overflow === 'object' && overflow !== null) {
    checkKnown('subscribe.buffer.overflow', overflow, ['conflate']);
    checkFunction('subscribe.buffer.overflow.conflate', overflow.conflate);
  } else {
    checkOneOf('subscribe.buffer.overflow', overflow, ['drop-oldest', 'drop-newest', 'error']);
  }
  const max = checkInteger('subscribe.buffer.max', buffer.max ?? DEFAULT_MAX, { min: 1, max: MOST });
  return { max, overflow, onInvalid, ignoreSelf };
}

function checkSchema(path: string, schema: unknown): void {
  const standard = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return;
  throw wrong(path, 'a schema that implements Standard Schema, such as one of zod or valibot', schema);
}

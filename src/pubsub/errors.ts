import { identify, RedisUtilsError } from '../core/errors.js';
import type { SchemaIssue } from '../core/standard-schema.js';

/**
 * A message that does not match its channel's schema, on its way out or in, or that could not be read at all.
 *
 * `paths` names the places that are wrong, the root being `$`. What the schema library says about them is in `issues`;
 * because that may quote the value, it is kept out of the message, of `inspect` and of JSON. Without issues, `cause`
 * is the codec's error, or what the schema threw.
 */
export class PayloadError extends RedisUtilsError {
  declare readonly code: 'RU_PAYLOAD';
  readonly channel: string;
  readonly direction: 'outgoing' | 'incoming';
  readonly paths: readonly string[];
  readonly #issues: readonly SchemaIssue[];

  static {
    identify(this, 'PayloadError', 'RU_PAYLOAD');
  }

  constructor(facts: {
    readonly channel: string;
    readonly direction: 'outgoing' | 'incoming';
    readonly issues?: readonly SchemaIssue[];
    readonly cause?: unknown;
  }) {
    const issues = facts.issues ?? [];
    const paths = issues.map(pathOf);
    const what = paths.length === 0 ? 'cannot be read' : `does not match its schema at ${paths.join(', ')}`;
    super(
      `A message on ${JSON.stringify(facts.channel)} ${what}${facts.direction === 'outgoing' ? ' – it was not sent' : ''}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.channel = facts.channel;
    this.direction = facts.direction;
    this.paths = paths;
    this.#issues = issues;
  }

  /** The schema's own issues. They may quote the value: do not log them where values must not be seen. */
  get issues(): readonly SchemaIssue[] {
    return this.#issues;
  }
}

/** The buffer of a subscription with `overflow: 'error'` was full, which ended the subscription. */
export class SlowConsumerError extends RedisUtilsError {
  declare readonly code: 'RU_SLOW_CONSUMER';
  readonly channel: string;
  readonly max: number;

  static {
    identify(this, 'SlowConsumerError', 'RU_SLOW_CONSUMER');
  }

  constructor(channel: string, max: number) {
    super(`The subscription of ${JSON.stringify(channel)} ended: ${max} messages were waiting to be read`);
    this.channel = channel;
    this.max = max;
  }
}

function pathOf(issue: SchemaIssue): string {
  let path = '$';
  for (const step of issue.path ?? []) {
    const key = typeof step === 'object' ? step.key : step;
    path += typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
  }
  return path;
}

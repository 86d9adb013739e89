import { identify, RedisUtilsError } from '../core/errors.js';
import type { StandardSchemaV1, SchemaIssue } from '../core/standard-schema.js';

/** Why a counter refused: the key holds something else, or the result would not fit into ±(2^53 − 1). */
export type CounterProblem = 'not-a-counter' | 'overflow';

/** `increment` changed nothing. */
export class CounterError extends RedisUtilsError {
  declare readonly code: 'RU_CACHE_COUNTER';
  readonly key: string;
  readonly reason: CounterProblem;

  static {
    identify(this, 'CounterError', 'RU_CACHE_COUNTER');
  }

  constructor(key: string, reason: CounterProblem, options?: ErrorOptions) {
    const what =
      reason === 'overflow'
        ? 'would leave the range of exact integers, ±(2^53 − 1)'
        : 'holds something that `increment` did not write';
    super(`The counter '${key}' ${what} – it was not changed`, options);
    this.key = key;
    this.reason = reason;
  }
}

/** What a loader returned does not satisfy the schema of its call. It was not stored. */
export class LoadedValueError extends RedisUtilsError {
  declare readonly code: 'RU_CACHE_LOADED_VALUE';
  readonly key: string;
  /** Where the schema objects, such as `address.zip`; never what stands there. */
  readonly paths: readonly string[];

  static {
    identify(this, 'LoadedValueError', 'RU_CACHE_LOADED_VALUE');
  }

  constructor(key: string, schema: StandardSchemaV1, issues: readonly SchemaIssue[]) {
    const paths = issues.map(pathOf);
    const where = paths.map((path) => (path === '' ? 'the value itself' : `\`${path}\``)).join(', ');
    super(`The value loaded for '${key}' was not stored: the ${schema['~standard'].vendor} schema objects to ${where}`);
    this.key = key;
    this.paths = paths;
  }
}

function pathOf(issue: SchemaIssue): string {
  return (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
}

/** Some entries of `setMany` may not have been stored. Only under `onError: 'throw'`. */
export class PartialWriteError extends RedisUtilsError {
  declare readonly code: 'RU_CACHE_PARTIAL_WRITE';
  /** How many entries the server confirmed. */
  readonly written: number;
  /** The others, each with the reason; whether it may have been stored after all is the error's `outcome`. */
  readonly failures: readonly { readonly key: string; readonly error: Error }[];

  static {
    identify(this, 'PartialWriteError', 'RU_CACHE_PARTIAL_WRITE');
  }

  constructor(written: number, failures: readonly { readonly key: string; readonly error: Error }[]) {
    super(`${failures.length} of ${written + failures.length} entries were not confirmed – see \`failures\``, {
      cause: failures[0]?.error,
    });
    this.written = written;
    this.failures = failures;
  }
}

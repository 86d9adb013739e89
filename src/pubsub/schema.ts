import type { SchemaResult, StandardSchemaV1 } from '../core/standard-schema.js';
import { PayloadError } from './errors.js';

type Direction = 'outgoing' | 'incoming';

/**
 * Runs a message through a schema: the schema's output, at once or as a promise, as the schema answers.
 * @throws PayloadError when it does not match · whatever the schema throws
 */
export function validate<T>(
  schema: StandardSchemaV1<unknown, T>,
  value: unknown,
  at: { readonly channel: string; readonly direction: Direction },
): T | Promise<T> {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((late) => accept(late, at));
  return accept(result, at);
}

function accept<T>(result: SchemaResult<T>, at: { readonly channel: string; readonly direction: Direction }): T {
  if (result.issues === undefined) return result.value;
  throw new PayloadError({ ...at, issues: result.issues });
}

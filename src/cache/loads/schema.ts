import type { SchemaResult, StandardSchemaV1 } from '../../core/standard-schema.js';

/** What a schema makes of a value, or what it objects to. */
export function check(
  schema: StandardSchemaV1,
  value: unknown,
): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  return schema['~standard'].validate(value);
}

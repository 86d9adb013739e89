import { untilAborted } from '../core/abort.js';
import type { SchemaResult, StandardSchemaV1 } from '../core/standard-schema.js';
import { LoadedValueError } from './errors.js';
import type { Flight } from './flights.js';
import { loadedMs, type Loader, type LoadPlan } from './options.js';
import type { Read } from './reader.js';
import type { Scope } from './scope.js';

/** One call of `getOrSet`. */
export interface LoadCall {
  readonly read: Read;
  readonly load: Loader<unknown>;
  readonly plan: LoadPlan;
}

/**
 * Reads the entry, or waits for the load that brings it. A caller that finds a load in progress waits for that one
 * without reading. Each caller decodes its own value from the entry's bytes; the loader's own object reaches nobody.
 */
export async function readOrLoad(scope: Scope, call: LoadCall, signal: AbortSignal | undefined): Promise<unknown> {
  const { read, plan } = call;
  const { flights } = scope.common;
  if (!plan.force && flights.joinable(read.key, scope.format) === undefined) {
    const value = await findStored(scope, call, signal);
    if (value !== undefined) return value;
  }
  let flight = plan.force ? undefined : flights.joinable(read.key, scope.format);
  if (flight === undefined) flight = flights.start(read.key, scope.format, (started) => load(scope, call, started));
  else scope.tally.joined += 1;
  const entry = await flight.join(signal);
  return entry === undefined ? undefined : valueOf(call, scope.format.decode(read.key, entry));
}

async function findStored(scope: Scope, { read, plan }: LoadCall, signal: AbortSignal | undefined): Promise<unknown> {
  const value = await untilAborted(scope.common.reader.read(read), signal);
  if (value === undefined || plan.schema === undefined) return value;
  const result = await validate(plan.schema, value);
  if (result.issues === undefined) return result.value;
  read.found = 'unusable';
  scope.tally.hits -= 1;
  scope.tally.misses += 1;
  return undefined;
}

/** Runs the loader and stores what it brings, unless the key was written, removed or loaded anew in the meantime. */
async function load(scope: Scope, call: LoadCall, flight: Flight): Promise<Buffer | undefined> {
  const { read, plan } = call;
  const { clock } = scope.common.manager;
  scope.tally.loads += 1;
  const startedMs = clock.monotonicMs();
  const value = await call.load({ key: read.id, signal: flight.signal });
  if (value === undefined) return undefined;
  const entry = scope.format.encode(read.key, value, Math.max(1, Math.round(clock.monotonicMs() - startedMs)));
  if (plan.schema !== undefined) await valueOf(call, scope.format.decode(read.key, entry));
  if (flight.maySet) await store(scope, call, entry);
  return entry;
}

/**
 * Where the read had found nothing, the entry is stored with `NX`: what somebody has set since, here or in another
 * process, is newer than this load and stays. Where Redis could not be read, nothing is stored: it would not be
 * reached either, and the callers are waiting.
 */
async function store(scope: Scope, { read, plan }: LoadCall, entry: Buffer): Promise<void> {
  if (read.found === 'unknown' && !plan.force) return;
  const { manager, reader } = scope.common;
  const command = ['SET', read.key, entry, 'PX', loadedMs(plan, manager.random)];
  if (read.found === 'absent') command.push('NX');
  reader.beforeWrite(read.key);
  try {
    await manager.command(command);
  } catch (error) {
    scope.failures.meet(read.operation, read.id, error);
  }
}

async function valueOf({ read, plan }: LoadCall, value: unknown): Promise<unknown> {
  if (plan.schema === undefined) return value;
  const result = await validate(plan.schema, value);
  if (result.issues === undefined) return result.value;
  throw new LoadedValueError(read.id, plan.schema, result.issues);
}

function validate(schema: StandardSchemaV1, value: unknown): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  return schema['~standard'].validate(value);
}

import { untilAborted } from '../core/abort.js';
import { checkFunction } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { TimeoutError } from '../core/errors.js';
import type { SchemaResult, StandardSchemaV1 } from '../core/standard-schema.js';
import { LoadedValueError } from './errors.js';
import type { Flight } from './flights.js';
import { loadedMs, type Loader, type LoadOptions, type LoadPlan, planLoad } from './options.js';
import { Read } from './reader.js';
import type { Scope } from './scope.js';
import { within } from './within.js';

/** The arguments of `getOrSet`. */
export interface Loading {
  readonly key: string;
  readonly load: Loader<unknown>;
  readonly options: Duration | LoadOptions<unknown> | undefined;
}

/** One call of `getOrSet`, checked. */
interface LoadCall {
  readonly read: Read;
  readonly load: Loader<unknown>;
  readonly plan: LoadPlan;
}

export async function loadThrough(scope: Scope, { key, load: loader, options }: Loading): Promise<unknown> {
  checkFunction('load', loader);
  const plan = planLoad(options, scope.plan);
  const call = { read: new Read('getOrSet', key, scope), load: loader, plan };
  const { timeoutMs, signal } = plan;
  if (timeoutMs === undefined && signal === undefined) return readOrLoad(scope, call, undefined);
  const limits = { operation: 'cache.getOrSet', timeoutMs, signal };
  return within(scope.common.manager.clock, limits, (ended) => readOrLoad(scope, call, ended));
}

/**
 * Reads the entry, or waits for the load that brings it. A caller that finds a load in progress waits for that one
 * without reading. Each caller decodes its own value from the entry's bytes; the loader's own object reaches nobody.
 */
async function readOrLoad(scope: Scope, call: LoadCall, signal: AbortSignal | undefined): Promise<unknown> {
  const { read, plan } = call;
  const { flights } = scope.common;
  if (!plan.force && flights.joinable(read.key, scope.format) === undefined) {
    const value = await findStored(scope, call, signal);
    if (value !== undefined) return value;
  }
  let flight = plan.force ? undefined : flights.joinable(read.key, scope.format);
  if (flight === undefined) flight = flights.start(read.key, scope.format, (started) => load(scope, call, started));
  else scope.tally.joined += 1;
  const entry = await arrival(scope, flight, signal);
  return entry === undefined ? undefined : valueOf(call, scope.format.decode(read.key, entry));
}

/** Waits for a flight. A caller whose time is up while a value is being stored gets that value, unless all must be told. */
async function arrival(scope: Scope, flight: Flight, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    return await flight.join(signal);
  } catch (error) {
    const isTimeUp = error instanceof TimeoutError && error === signal?.reason;
    if (isTimeUp && flight.loaded !== undefined && scope.failures.mode === 'open') return flight.loaded;
    throw error;
  }
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
  flight.loaded = entry;
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

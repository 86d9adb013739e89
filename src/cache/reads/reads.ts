import { untilAborted } from '../../core/abort.js';
import { wrong } from '../../core/check.js';
import { TimeoutError } from '../../core/errors.js';
import { planRead, type ReadOptions, type ReadPlan } from '../options.js';
import type { Scope } from '../scope.js';
import { within } from '../within.js';
import { MISSES, valueNear } from './delivery.js';
import { inspect } from './inspect.js';
import { Read } from './read.js';

/** Reads one key; within limits of its own, if there are any. */
export function readOne(scope: Scope, key: string, options: ReadOptions | undefined): Promise<unknown> {
  if (options !== undefined) return readWithin(scope, key, options);
  // where values are kept near most reads end here: nothing is made for them but a promise
  const copy = scope.near?.find(key);
  if (copy !== undefined) return Promise.resolve(valueNear(scope, copy));
  return scope.common.reader.read(new Read('get', key, scope));
}

async function readWithin(scope: Scope, key: string, options: ReadOptions): Promise<unknown> {
  const plan = planRead(options);
  const read = readFor(scope, { operation: 'get', id: key, tags: plan.tags });
  return bounded(scope, { operation: 'get', key, plan }, () => scope.common.reader.read(read));
}

export async function readMany(
  scope: Scope,
  keys: readonly string[],
  options: ReadOptions | undefined,
): Promise<Map<string, unknown>> {
  if (!Array.isArray(keys)) throw wrong('keys', 'an array of keys', keys);
  const plan = planRead(options ?? {});
  const reads = [...new Set(keys)].map((id) => readFor(scope, { operation: 'getMany', id, tags: plan.tags }));
  const readAll = (): Promise<unknown[]> => Promise.all(reads.map((read) => scope.common.reader.read(read)));
  const values = await (options === undefined
    ? readAll()
    : bounded(scope, { operation: 'getMany', key: undefined, plan }, readAll));
  const found = new Map<string, unknown>();
  if (values === undefined) return found;
  for (const [index, { id }] of reads.entries()) {
    if (values[index] !== undefined) found.set(id, values[index]);
  }
  return found;
}

function readFor(scope: Scope, { operation, id, tags }: Pick<Read, 'operation' | 'id' | 'tags'>): Read {
  const read = new Read(operation, id, scope);
  read.tags = tags;
  return read;
}

/** Whether a value is there, without decoding it. */
export async function holdsValue(scope: Scope, id: string): Promise<boolean> {
  const read = new Read('has', id, scope.uncounted);
  read.aim = 'presence';
  return (await scope.common.reader.read(read)) === true;
}

/** Reads and removes in one command. */
export async function take(scope: Scope, id: string): Promise<unknown> {
  const key = scope.space.key(id);
  scope.beforeWrite(key);
  const found = await scope.changing([key], () => inspect(scope, key, 'GETDEL'));
  if (found?.verdict === 'fresh') {
    const value = scope.format.value(key, found.bytes);
    scope.tally.hits += 1;
    return value;
  }
  scope.tally.misses[found === undefined ? 'absent' : MISSES[found.verdict]] += 1;
  return undefined;
}

interface Bounded {
  readonly operation: string;
  readonly key: string | undefined;
  readonly plan: ReadPlan;
}

/** Waits within the call's own limits; its timeout is a failure of the store, its signal is the caller's own. */
async function bounded<T>(scope: Scope, about: Bounded, wait: () => Promise<T>): Promise<T | undefined> {
  const operation = `cache.${about.operation}`;
  const { timeoutMs, signal } = about.plan;
  try {
    return await within(scope.common.manager.clock, { operation, timeoutMs, signal }, (ended) =>
      untilAborted(wait(), ended),
    );
  } catch (error) {
    if (!(error instanceof TimeoutError) || error.operation !== operation) throw error;
    scope.failures.meet(about.operation, about.key, error);
    return undefined;
  }
}

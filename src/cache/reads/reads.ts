import { untilAborted } from '../../core/abort.js';
import { wrong } from '../../core/check.js';
import { BadReplyError, ServerError, TimeoutError } from '../../core/errors.js';
import { HEADER_BYTES } from '../entries/entry-header.js';
import { planRead, type ReadOptions } from '../options.js';
import { Read } from './reader.js';
import type { Scope } from '../scope.js';
import { within } from '../within.js';

const BYTES = { reply: 'bytes' } as const;

/** Reads one key within limits of its own. */
export async function readWithin(scope: Scope, key: string, options: ReadOptions): Promise<unknown> {
  const read = new Read('get', key, scope);
  return bounded(scope, { operation: 'get', key, options }, () => scope.common.reader.read(read));
}

export async function readMany(
  scope: Scope,
  keys: readonly string[],
  options: ReadOptions | undefined,
): Promise<Map<string, unknown>> {
  if (!Array.isArray(keys)) throw wrong('keys', 'an array of keys', keys);
  const reads = [...new Set(keys)].map((key) => new Read('getMany', key, scope));
  const readAll = (): Promise<unknown[]> => Promise.all(reads.map((read) => scope.common.reader.read(read)));
  const about = { operation: 'getMany', key: undefined, options: options ?? {} };
  const values = await (options === undefined ? readAll() : bounded(scope, about, readAll));
  const found = new Map<string, unknown>();
  if (values === undefined) return found;
  for (const [index, { id }] of reads.entries()) {
    if (values[index] !== undefined) found.set(id, values[index]);
  }
  return found;
}

/** Whether a value is there, by the header alone. */
export async function holdsValue(scope: Scope, id: string): Promise<boolean> {
  const key = scope.space.key(id);
  try {
    const head = await scope.common.manager.command(['GETRANGE', key, 0, HEADER_BYTES - 1], BYTES);
    if (!Buffer.isBuffer(head)) throw new BadReplyError('GETRANGE', 'bytes', head);
    return scope.format.holdsValue(key, head, await latestMs(scope));
  } catch (error) {
    if (!isWrongType(error)) scope.failures.meet('has', id, error);
    return false;
  }
}

/** Reads and removes in one command. */
export async function take(scope: Scope, id: string): Promise<unknown> {
  const key = scope.space.key(id);
  scope.beforeWrite(key);
  const bytes = await scope.common.manager.command(['GETDEL', key], BYTES).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
  if (bytes !== null && !Buffer.isBuffer(bytes)) throw new BadReplyError('GETDEL', 'bytes or null', bytes);
  const value = bytes === null ? undefined : await freshValue(scope, key, bytes);
  if (value === undefined) scope.tally.misses += 1;
  else scope.tally.hits += 1;
  return value;
}

async function freshValue(scope: Scope, key: string, bytes: Buffer): Promise<unknown> {
  const standing = scope.format.standing(key, bytes, await latestMs(scope));
  return standing === 'fresh' ? scope.format.value(key, bytes) : undefined;
}

async function latestMs({ common: { manager } }: Scope): Promise<number> {
  const { serverTime } = manager;
  if (serverTime.shouldAsk()) await serverTime.ask().catch((error: unknown) => manager.reportError('cache', error));
  return serverTime.latestMs();
}

interface Bounded {
  readonly operation: string;
  readonly key: string | undefined;
  readonly options: ReadOptions;
}

/** Waits within the call's own limits; its timeout is a failure of the store, its signal is the caller's own. */
async function bounded<T>(scope: Scope, about: Bounded, wait: () => Promise<T>): Promise<T | undefined> {
  const operation = `cache.${about.operation}`;
  const limits = { operation, ...planRead(about.options) };
  try {
    return await within(scope.common.manager.clock, limits, (ended) => untilAborted(wait(), ended));
  } catch (error) {
    if (!(error instanceof TimeoutError) || error.operation !== operation) throw error;
    scope.failures.meet(about.operation, about.key, error);
    return undefined;
  }
}

function isWrongType(error: unknown): boolean {
  return error instanceof ServerError && error.replyCode === 'WRONGTYPE';
}

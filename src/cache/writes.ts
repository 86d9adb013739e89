import { wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { BadReplyError } from '../core/errors.js';
import { PartialWriteError } from './errors.js';
import { type Life, planWrite, type WriteOptions } from './options.js';
import type { Scope } from './scope.js';

/** What one entry is to become. */
export interface Writing {
  readonly key: string;
  readonly value: unknown;
  readonly ttl: Duration | WriteOptions | undefined;
}

export async function writeOne(scope: Scope, writing: Writing): Promise<void> {
  const write = prepare(scope, writing);
  scope.beforeWrite(write.key);
  try {
    await send(scope, write);
  } catch (error) {
    scope.failures.meet('set', writing.key, error);
  }
}

/** False when the key is taken. */
export async function writeIfAbsent(scope: Scope, writing: Writing): Promise<boolean> {
  const { key, entry, life } = prepare(scope, writing);
  scope.beforeWrite(key);
  return scope.common.store.add(key, entry, life.ttlMs);
}

export async function writeAll(scope: Scope, writings: readonly Writing[]): Promise<void> {
  const writes = writings.map((writing) => prepare(scope, writing));
  for (const { key } of writes) scope.beforeWrite(key);
  const results = await Promise.allSettled(writes.map((write) => send(scope, write)));
  const failures = writings.flatMap(({ key }, index) => {
    const result = results[index];
    return result?.status === 'rejected' ? [{ key, error: result.reason as Error }] : [];
  });
  if (failures.length === 0) return;
  scope.failures.meetAll('setMany', failures, () => new PartialWriteError(writings.length - failures.length, failures));
}

/** How many there were. */
export async function remove(scope: Scope, ids: readonly string[]): Promise<number> {
  const keys = ids.map((id) => scope.space.key(id));
  if (keys.length === 0) return 0;
  for (const key of keys) scope.beforeWrite(key);
  try {
    const removed = await Promise.all(bySlot(scope, keys).map((group) => unlink(scope, group)));
    return removed.reduce((sum, count) => sum + count, 0);
  } catch (error) {
    scope.failures.meet('delete', ids.length === 1 ? ids[0] : undefined, error);
    return 0;
  }
}

/** How many there are to be served as stale. */
export async function markStale(scope: Scope, ids: readonly string[]): Promise<number> {
  const keys = ids.map((id) => scope.space.key(id));
  for (const key of keys) scope.beforeWrite(key);
  try {
    const marked = await Promise.all(keys.map((key) => scope.common.store.markStale(key)));
    return marked.filter(Boolean).length;
  } catch (error) {
    scope.failures.meet('markStale', ids.length === 1 ? ids[0] : undefined, error);
    return 0;
  }
}

async function unlink(scope: Scope, keys: readonly string[]): Promise<number> {
  const removed = await scope.common.manager.command(['UNLINK', ...keys]);
  if (typeof removed !== 'number') throw new BadReplyError('UNLINK', 'a number', removed);
  return removed;
}

/** The keys that one command may have: all of them, or in a cluster those of one slot. */
function bySlot(scope: Scope, keys: readonly string[]): readonly (readonly string[])[] {
  const { slotOf } = scope.common.manager;
  if (slotOf === undefined || keys.length === 1) return [keys];
  const groups = new Map<number, string[]>();
  for (const key of keys) {
    const slot = slotOf(key);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [key]);
    else group.push(key);
  }
  return [...groups.values()];
}

/** An entry that is ready to be sent. */
interface Write {
  readonly key: string;
  readonly entry: Buffer;
  readonly life: Life;
}

/** Everything about the arguments is checked here, before anything is sent. */
function prepare(scope: Scope, { key: id, value, ttl }: Writing): Write {
  const key = scope.space.key(id);
  if (value === undefined) throw wrong('value', 'anything but undefined, which means a miss', value);
  const life = planWrite(ttl, scope.plan, scope.common.manager.random);
  return { key, entry: scope.format.encode(key, value), life };
}

/** A plain `SET`, unless the entry has to say when it is stale: that takes the server's time, and so a script. */
function send({ common: { manager, store } }: Scope, { key, entry, life }: Write): Promise<unknown> {
  if (life.graceMs > 0) return store.write(key, entry, life);
  return manager.command(['SET', key, entry, 'PX', life.ttlMs]);
}

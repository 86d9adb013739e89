import { checkKnown, checkOneOf } from '../core/check.js';
import { BadReplyError } from '../core/errors.js';
import type { ChangeMode } from './epochs/epoch-script.js';
import { checkTags } from './options.js';
import type { Scope } from './scope.js';

/** How many there were. */
export async function remove(scope: Scope, ids: readonly string[]): Promise<number> {
  const keys = ids.map((id) => scope.space.key(id));
  if (keys.length === 0) return 0;
  for (const key of keys) scope.beforeWrite(key);
  try {
    const removed = await scope.changing(keys, () => removeNow(scope, keys));
    for (const key of keys) scope.common.journal.drop(key);
    return removed;
  } catch (error) {
    scope.failures.meet('delete', ids.length === 1 ? ids[0] : undefined, error);
    for (const key of keys) removeLater(scope, key, error);
    return 0;
  }
}

/** What could not be written or removed is removed when Redis answers again: whatever there is by then is too old. */
export function removeLater(scope: Scope, key: string, error: unknown): void {
  const send = (): Promise<unknown> => scope.changing([key], () => removeNow(scope, [key]));
  scope.common.journal.add({ id: key, epochKey: scope.epochKey, send }, error);
}

/** How many there are to be served as stale. */
export async function markStale(scope: Scope, ids: readonly string[]): Promise<number> {
  const keys = ids.map((id) => scope.space.key(id));
  for (const key of keys) scope.beforeWrite(key);
  const mark = (key: string): Promise<boolean> => scope.common.store.markStale(key, scope.quarantine());
  try {
    const marked = await scope.changing(keys, () => Promise.all(keys.map(mark)));
    return marked.filter(Boolean).length;
  } catch (error) {
    scope.failures.meet('markStale', ids.length === 1 ? ids[0] : undefined, error);
    for (const key of keys) {
      const send = (): Promise<unknown> => scope.changing([key], () => mark(key));
      scope.common.journal.add({ id: `${key} stale`, epochKey: scope.epochKey, send }, error);
    }
    return 0;
  }
}

/** How many there were. */
async function removeNow(scope: Scope, keys: readonly string[]): Promise<number> {
  const quarantine = scope.quarantine();
  if (quarantine.quarantineMs > 0) {
    const buried = await Promise.all(keys.map((key) => scope.common.store.bury(key, quarantine)));
    return buried.filter(Boolean).length;
  }
  const removed = await Promise.all(bySlot(scope, keys).map((group) => unlink(scope, group)));
  return removed.reduce((sum, count) => sum + count, 0);
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

/** Everything that has been written in this namespace is over. */
export async function clear(scope: Scope): Promise<void> {
  await changeEpoch(scope, 'clear', { key: scope.epochKey, mode: 'drop' });
}

export interface InvalidateOptions {
  /** What becomes of entries that have the tag and a grace: served as stale within it (default), or not at all. */
  readonly mode?: ChangeMode | undefined;
}

/** Everything that has one of these tags is over, or stale. */
export async function invalidateTags(
  scope: Scope,
  tags: string | readonly string[],
  options: InvalidateOptions,
): Promise<void> {
  const names = checkTags('tags', typeof tags === 'string' ? [tags] : tags);
  checkKnown('cache.invalidateTags', options, ['mode']);
  const { mode = 'stale' } = options;
  checkOneOf('cache.invalidateTags.mode', mode, ['stale', 'drop']);
  await Promise.all(names.map((name) => changeEpoch(scope, 'invalidateTags', { key: scope.tagKey(name), mode })));
}

interface EpochChange {
  readonly key: string;
  readonly mode: ChangeMode;
}

async function changeEpoch(scope: Scope, operation: string, { key, mode }: EpochChange): Promise<void> {
  const send = (): Promise<unknown> => scope.changing([key], () => scope.epochs.change(key, mode));
  try {
    await send();
  } catch (error) {
    scope.failures.meet(operation, undefined, error);
    scope.common.journal.add({ id: `${key} ${mode}`, epochKey: scope.epochKey, send }, error);
  }
}

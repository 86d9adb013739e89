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
    const removed = await scope.changing(keys, () =>
      Promise.all(bySlot(scope, keys).map((group) => unlink(scope, group))),
    );
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
    const { store } = scope.common;
    const marked = await scope.changing(keys, () => Promise.all(keys.map((key) => store.markStale(key))));
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

/** Everything that has been written in this namespace is over. */
export async function clear(scope: Scope): Promise<void> {
  try {
    await scope.changing([scope.epochKey], () => scope.epochs.change(scope.epochKey, 'drop'));
  } catch (error) {
    scope.failures.meet('clear', undefined, error);
  }
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
  try {
    const keys = names.map((name) => scope.tagKey(name));
    await scope.changing(keys, () => Promise.all(keys.map((key) => scope.epochs.change(key, mode))));
  } catch (error) {
    scope.failures.meet('invalidateTags', undefined, error);
  }
}

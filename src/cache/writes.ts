import type { CommandArg } from '../client/calls/command.js';
import { wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { BadReplyError } from '../core/errors.js';
import { PartialWriteError } from './errors.js';
import { type WriteOptions, writeMs } from './options.js';
import type { Scope } from './scope.js';

/** What one entry is to become. */
export interface Writing {
  readonly key: string;
  readonly value: unknown;
  readonly ttl: Duration | WriteOptions | undefined;
}

export async function writeOne(scope: Scope, writing: Writing): Promise<void> {
  const command = setCommand(scope, writing);
  scope.beforeWrite(command[1]);
  try {
    await scope.common.manager.command(command);
  } catch (error) {
    scope.failures.meet('set', writing.key, error);
  }
}

/** False when the key is taken. */
export async function writeIfAbsent(scope: Scope, writing: Writing): Promise<boolean> {
  const command = setCommand(scope, writing);
  scope.beforeWrite(command[1]);
  return (await scope.common.manager.command([...command, 'NX'])) === 'OK';
}

export async function writeAll(scope: Scope, writings: readonly Writing[]): Promise<void> {
  const commands = writings.map((writing) => setCommand(scope, writing));
  if (commands.length === 0) return;
  for (const command of commands) scope.beforeWrite(command[1]);
  const results = await scope.common.manager.pipeline(commands);
  const failures = writings.flatMap(({ key }, index) => {
    const result = results[index];
    return result?.ok === false ? [{ key, error: result.error }] : [];
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

/** The `SET` of one entry. Everything about the arguments is checked here, before anything is sent. */
function setCommand(scope: Scope, { key: id, value, ttl }: Writing): [name: string, key: string, ...CommandArg[]] {
  const key = scope.space.key(id);
  if (value === undefined) throw wrong('value', 'anything but undefined, which means a miss', value);
  const ttlMs = writeMs(ttl, scope.plan, scope.common.manager.random);
  return ['SET', key, scope.format.encode(key, value), 'PX', ttlMs];
}

import { DecodeError } from '../codec/index.js';
import { ignore } from '../core/abort.js';
import { wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { bodyStart } from './entries/tag-section.js';
import type { Stamp } from './epochs/epoch.js';
import { confirmStamp, guessStamp, isSameStamp } from './epochs/stamp.js';
import { PartialWriteError } from './errors.js';
import { planWrite, type WriteOptions, type WriteTerms } from './options.js';
import { removeLater } from './invalidations.js';
import { inspect } from './reads/inspect.js';
import { isAlive } from './reads/verdict.js';
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
    if (isPlain(scope, write)) {
      // most writes: nothing is made for them that is not needed
      const { stamp, terms } = write;
      const confirmation = scope.epoch.confirm(terms.life.ttlMs + terms.life.graceMs);
      await put(scope, write);
      const epoch = confirmation.answer ?? (await confirmation.answered);
      if (epoch !== stamp.epoch) await restamp(scope, write, { ...stamp, epoch });
    } else {
      await send(scope, write);
    }
    scope.common.journal.drop(write.key);
  } catch (error) {
    scope.failures.meet('set', writing.key, error);
    removeLater(scope, write.key, error);
  }
}

/** False when the key is taken. */
export async function writeIfAbsent(scope: Scope, writing: Writing): Promise<boolean> {
  const write = prepare(scope, writing);
  const { key, entry, terms } = write;
  scope.beforeWrite(key);
  const { store } = scope.common;
  const { ttlMs } = terms.life;
  if (await stamped(scope, write, () => store.add(key, entry, { ttlMs, invalid: NOTHING }))) return true;
  const invalid = await invalidHead(scope, key);
  return invalid !== undefined && (await stamped(scope, write, () => store.add(key, entry, { ttlMs, invalid })));
}

/** Of an entry that has been cleared or invalidated, the part before its body. */
async function invalidHead(scope: Scope, key: string): Promise<Buffer | undefined> {
  try {
    const found = await inspect(scope, key);
    if (found?.verdict !== 'cleared' && found?.verdict !== 'invalidated') return undefined;
    return found.bytes.subarray(0, bodyStart(found.bytes));
  } catch (error) {
    // what cannot be read takes the key all the same
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Gives an entry a new lifetime. False when there is none. */
export async function touch(scope: Scope, id: string, ttl: Duration): Promise<boolean> {
  const key = scope.space.key(id);
  const ttlMs = toMs(ttl, 'cache.ttl');
  scope.common.reader.beforeWrite(key);
  // a lifetime that is given to what is cleared or invalidated does no harm: it is over all the same
  const touching = scope.changing([key], () => scope.common.store.touch(key, ttlMs));
  const [found, isDone] = await Promise.all([inspect(scope, key), touching]);
  return isDone && found !== undefined && isAlive(found.verdict);
}

export async function writeAll(scope: Scope, writings: readonly Writing[]): Promise<void> {
  const writes = writings.map((writing) => prepare(scope, writing));
  for (const { key } of writes) scope.beforeWrite(key);
  const results = await Promise.allSettled(writes.map((write) => send(scope, write)));
  const failures: { readonly key: string; readonly full: string; readonly error: Error }[] = [];
  for (const [index, { key: full }] of writes.entries()) {
    const result = results[index];
    if (result?.status !== 'rejected') scope.common.journal.drop(full);
    else failures.push({ key: writings[index]?.key ?? full, full, error: result.reason as Error });
  }
  if (failures.length === 0) return;
  const summary = (): Error =>
    new PartialWriteError(
      writings.length - failures.length,
      failures.map(({ key, error }) => ({ key, error })),
    );
  scope.failures.meetAll('setMany', failures, summary);
  for (const { full, error } of failures) removeLater(scope, full, error);
}

/** An entry that is ready to be sent. */
interface Write {
  readonly key: string;
  readonly entry: Buffer;
  readonly terms: WriteTerms;
  /** By the epochs that are believed to be the present ones. */
  readonly stamp: Stamp;
}

/** Everything about the arguments is checked here, before anything is sent. */
function prepare(scope: Scope, { key: id, value, ttl }: Writing): Write {
  const key = scope.space.key(id);
  if (value === undefined) throw wrong('value', 'anything but undefined, which means a miss', value);
  const terms = ttl === undefined ? scope.terms() : planWrite(ttl, scope.plan, scope.common.manager.random);
  const stamp = guessStamp(scope, terms.tags);
  const { slidingMs } = terms.life;
  const entry = scope.format.encode(key, value, slidingMs === 0 ? stamp : { ...stamp, slidingMs });
  return { key, terms, stamp, entry };
}

/** A plain `SET`, unless the entry has to say until when it is what: that takes the server's time, and so a script. */
function put(scope: Scope, { key, entry, terms: { life } }: Write): Promise<unknown> {
  const { manager, store } = scope.common;
  if (life.graceMs > 0 || life.slidingMs > 0) return store.write(key, entry, life);
  return manager.command(['SET', key, entry, 'PX', life.ttlMs]);
}

function send(scope: Scope, write: Write): Promise<unknown> {
  return stamped(scope, write, () => put(scope, write));
}

/** Nobody is to be told of it, and only the namespace has an epoch. */
function isPlain({ common }: Scope, { stamp }: Write): boolean {
  return common.near === undefined && stamp.tags.length === 0;
}

function stamped<T>(scope: Scope, write: Write, sending: () => Promise<T>): Promise<T> {
  return scope.changing([write.key], () => putStamped(scope, write, sending));
}

/**
 * Writes, and asks along whether the stamp is right. If it is not, because the namespace was cleared or a tag invalidated
 * elsewhere since this process looked, the entry is stamped anew.
 */
async function putStamped<T>(scope: Scope, write: Write, sending: () => Promise<T>): Promise<T> {
  const { life, tags } = write.terms;
  const confirming = confirmStamp(scope, tags, life.ttlMs + life.graceMs);
  confirming.catch(ignore); // the write's own failure goes first
  const result = await sending();
  await restamp(scope, write, await confirming);
  return result;
}

async function restamp(scope: Scope, { key, entry, stamp }: Write, right: Stamp): Promise<void> {
  if (!isSameStamp(stamp, right)) await scope.common.store.restamp(key, entry, right);
}

const NOTHING = Buffer.alloc(0);

import type { RedisManager } from '../client/manager.js';
import { wrong } from '../core/check.js';
import type { Emitter } from '../core/emitter.js';
import type { Acquirer } from './acquirer.js';
import { Barging } from './cohort/barging.js';
import { cohortOf } from './cohort/cohorts.js';
import { DeadlockAware } from './deadlock/deadlock-aware.js';
import { Waits } from './deadlock/waits.js';
import type { LockEvents } from './events.js';
import type { LockTerms } from './lock-terms.js';
import type { HoldTerms, LockOptions } from './options.js';
import { LockQuorum } from './quorum/lock-quorum.js';
import { Reentrant } from './reentrant/reentrant.js';
import { serverPlace } from './server-place.js';
import { SeveralLocks } from './several/several-locks.js';
import { OneLock } from './waiting/one-lock.js';

interface LockPlan {
  readonly hold: HoldTerms;
  readonly events: Emitter<LockEvents>;
  readonly prefix: string | undefined;
}

/** What is to be known of the lock of each key, in their order. @throws ConfigError */
export function planLocks(manager: RedisManager | LockQuorum, keys: readonly string[], plan: LockPlan): LockTerms[] {
  const { hold, events, prefix } = plan;
  const space = manager.keySpace('lock', prefix);
  const place = manager instanceof LockQuorum ? manager.place(hold) : serverPlace(manager, space.root, hold);
  return keys.map((key) => {
    const hash = space.key(key);
    const succession = hold.barges ? cohortOf(place.keeper, hash) : undefined;
    return { ...hold, ...place, events, succession, shape: '', key, hash };
  });
}

/** How these locks are come by. @throws ConfigError for options that do not go together */
export function acquirerOf(
  manager: RedisManager | LockQuorum,
  terms: readonly LockTerms[],
  options: LockOptions = {},
): Acquirer {
  const [first, ...others] = terms.map(oneLock) as [OneLock, ...OneLock[]];
  if (options.deadlocks === true) {
    const isPlain = others.length === 0 && !first.terms.barges && options.reentrant !== true;
    if (!isPlain || manager instanceof LockQuorum) {
      throw wrong('lock.deadlocks', 'left out for several keys, order barge, re-entrant locks and a quorum', true);
    }
    return new DeadlockAware(first, new Waits(manager, manager.keySpace('lock', options.prefix), first.terms));
  }
  const acquirer = others.length === 0 ? first : new SeveralLocks(nameOf(terms), [first, ...others]);
  if (options.reentrant !== true) return acquirer;
  const hashes = terms.map(({ hash }) => hash);
  return new Reentrant(acquirer, hashes.join(','), first.terms.keeper);
}

/** Of a lock with these keys. */
export function nameOf(terms: readonly LockTerms[]): string {
  return terms.map(({ key }) => key).join(',');
}

function oneLock(terms: LockTerms): OneLock {
  return terms.barges ? new Barging(terms, cohortOf(terms.keeper, terms.hash)) : new OneLock(terms);
}

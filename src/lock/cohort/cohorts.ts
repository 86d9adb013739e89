import type { Keeper } from '../keeper.js';
import { Cohort } from './cohort.js';

const cohorts = new WeakMap<Keeper, Map<string, WeakRef<Cohort>>>();
const forgotten = new FinalizationRegistry<{ readonly keeper: WeakRef<Keeper>; readonly hash: string }>(
  ({ keeper, hash }) => {
    const owner = keeper.deref();
    const known = owner === undefined ? undefined : cohorts.get(owner);
    if (known?.get(hash)?.deref() === undefined) known?.delete(hash);
  },
);

/** All objects for one lock of one manager have one cohort, for as long as there is one of them. */
export function cohortOf(keeper: Keeper, hash: string): Cohort {
  const known = cohorts.get(keeper) ?? new Map<string, WeakRef<Cohort>>();
  cohorts.set(keeper, known);
  let cohort = known.get(hash)?.deref();
  if (cohort === undefined) {
    cohort = new Cohort(keeper.clock);
    known.set(hash, new WeakRef(cohort));
    forgotten.register(cohort, { keeper: new WeakRef(keeper), hash });
  }
  return cohort;
}

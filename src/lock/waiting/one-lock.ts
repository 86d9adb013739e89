import type { Acquirer } from '../acquirer.js';
import type { Guard } from '../guard/guard.js';
import type { LeaseTerms, LockTerms } from '../lock-terms.js';
import type { Patience } from '../options.js';
import { Acquisition } from './acquisition.js';

/** Comes to hold one lock. */
export class OneLock<T extends LeaseTerms = LockTerms> implements Acquirer {
  readonly terms: T;

  constructor(terms: T) {
    this.terms = terms;
  }

  granted(patience: Patience): Promise<Guard> {
    return new Acquisition(this.terms, patience).granted();
  }

  once(patience: Patience): Promise<Guard | undefined> {
    return new Acquisition(this.terms, patience).once();
  }

  holding<R>(_guard: Guard, fn: () => R): R {
    return fn();
  }
}

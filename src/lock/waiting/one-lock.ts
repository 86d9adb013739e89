import type { Acquirer } from '../acquirer.js';
import type { Guard } from '../guard/guard.js';
import type { LockTerms } from '../lock-terms.js';
import type { Patience } from '../options.js';
import { Acquisition } from './acquisition.js';

/** Comes to hold one lock. */
export class OneLock implements Acquirer {
  readonly terms: LockTerms;

  constructor(terms: LockTerms) {
    this.terms = terms;
  }

  granted(patience: Patience): Promise<Guard> {
    return new Acquisition(this.terms, patience).granted();
  }

  once(patience: Patience): Promise<Guard | undefined> {
    return new Acquisition(this.terms, patience).once();
  }

  holding<T>(_guard: Guard, fn: () => T): T {
    return fn();
  }
}

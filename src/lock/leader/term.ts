import type { OwnGuard } from '../acquirer.js';
import { LockLostError } from '../errors.js';
import { type CheckedSignal, checkedSignal } from '../guard/checked-signal.js';

/** The time for which one candidate leads. */
export class Term {
  readonly guard: OwnGuard;
  /** Resolves when it is over: with how the office was lost, or with nothing when it was given up. */
  readonly over: Promise<LockLostError | undefined>;
  readonly #signal: CheckedSignal;
  #end!: (loss: LockLostError | undefined) => void;

  constructor(guard: OwnGuard) {
    this.guard = guard;
    this.over = new Promise((resolve) => (this.#end = resolve));
    // whoever asks has the guard look at its clock
    this.#signal = checkedSignal(() => void guard.loss);
    const onLoss = (): void => this.#abort(guard.signal.reason as LockLostError, true);
    if (guard.signal.aborted) onLoss();
    else guard.signal.addEventListener('abort', onLoss, { once: true });
  }

  /** Aborts when it is over, for whatever reason. */
  get signal(): AbortSignal {
    return this.#signal.signal;
  }

  /** Gives the office up; work of the term is told before the lock is given back. Never rejects. */
  async resign(): Promise<void> {
    const { key, fence } = this.guard;
    if (!this.signal.aborted) this.#abort(new LockLostError({ key, fence, reason: 'released' }), false);
    await this.guard.release();
  }

  #abort(reason: LockLostError, isLost: boolean): void {
    this.#end(isLost ? reason : undefined);
    this.#signal.abort(reason);
  }
}

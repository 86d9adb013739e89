import type { Duration } from '../../core/duration.js';
import type { OwnGuard } from '../acquirer.js';
import { LockLostError } from '../errors.js';
import type { FencedTransaction } from '../fenced-transaction.js';
import type { ReleaseResult } from '../keeper.js';

/** A further guard of a lock that is held already: the same lease, the same fence. Its release leaves the lock held. */
export class NestedGuard implements OwnGuard {
  readonly #outer: OwnGuard;
  #isReleased = false;

  constructor(outer: OwnGuard) {
    this.#outer = outer;
  }

  get key(): string {
    return this.#outer.key;
  }

  get token(): string {
    return this.#outer.token;
  }

  get fence(): bigint {
    return this.#outer.fence;
  }

  get signal(): AbortSignal {
    return this.#outer.signal;
  }

  get loss(): LockLostError | undefined {
    return this.#outer.loss;
  }

  get remainingMs(): number {
    return this.#isReleased ? 0 : this.#outer.remainingMs;
  }

  get state(): OwnGuard['state'] {
    return this.#isReleased ? 'released' : this.#outer.state;
  }

  assertHeld(minMs?: number): void {
    if (this.#isReleased) throw new LockLostError({ key: this.key, fence: this.fence, reason: 'released' });
    this.#outer.assertHeld(minMs);
  }

  async extend(ttl?: Duration): Promise<void> {
    this.assertHeld();
    await this.#outer.extend(ttl);
  }

  async verify(): Promise<boolean> {
    return !this.#isReleased && this.#outer.verify();
  }

  async exec(commands: (tx: FencedTransaction) => void): Promise<unknown[]> {
    this.assertHeld();
    return this.#outer.exec(commands);
  }

  release(): Promise<ReleaseResult> {
    this.#isReleased = true;
    const { loss } = this.#outer;
    if (loss === undefined) return Promise.resolve({ status: 'released' });
    return Promise.resolve({ status: loss.reason === 'stolen' || loss.reason === 'forced' ? 'stolen' : 'expired' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

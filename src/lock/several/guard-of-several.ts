import { wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import type { OwnGuard } from '../acquirer.js';
import type { LockLostError } from '../errors.js';
import { type CheckedSignal, checkedSignal } from '../guard/checked-signal.js';
import type { Guard } from '../guard/guard.js';
import type { ReleaseResult } from '../keeper.js';

const WORST: readonly ReleaseResult['status'][] = ['stolen', 'expired', 'unknown', 'released'];

/** Several locks as one: held while all of them are. */
export class GuardOfSeveral implements OwnGuard {
  readonly key: string;
  readonly fence: bigint;
  readonly #guards: readonly Guard[];
  #signal: CheckedSignal | undefined;

  constructor(key: string, fence: bigint, guards: readonly Guard[]) {
    this.key = key;
    this.fence = fence;
    this.#guards = guards;
  }

  get token(): string {
    return this.#guards.map(({ token }) => token).join(',');
  }

  get loss(): LockLostError | undefined {
    for (const { loss } of this.#guards) if (loss !== undefined) return loss;
    return undefined;
  }

  get remainingMs(): number {
    return Math.min(...this.#guards.map(({ remainingMs }) => remainingMs));
  }

  get state(): OwnGuard['state'] {
    const states = new Set(this.#guards.map(({ state }) => state));
    for (const state of ['lost', 'released', 'suspect'] as const) if (states.has(state)) return state;
    return 'held';
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      // to look at the signal of each is to have it look at the clock
      const signals = this.#guards.map((guard) => guard.signal);
      const checked = checkedSignal(() => void signals.some((signal) => signal.aborted));
      for (const signal of signals) {
        if (signal.aborted) checked.abort(signal.reason);
        else signal.addEventListener('abort', () => checked.abort(signal.reason), { once: true });
      }
      this.#signal = checked;
    }
    return this.#signal.signal;
  }

  assertHeld(minMs?: number): void {
    for (const guard of this.#guards) guard.assertHeld(minMs);
  }

  async extend(ttl?: Duration): Promise<void> {
    await Promise.all(this.#guards.map((guard) => guard.extend(ttl)));
  }

  async verify(): Promise<boolean> {
    const verified = await Promise.all(this.#guards.map((guard) => guard.verify()));
    return verified.every(Boolean);
  }

  exec(): Promise<never> {
    return Promise.reject(wrong('guard', 'one of a lock with one key, to write with it', this.key));
  }

  async release(): Promise<ReleaseResult> {
    const results = await Promise.all(this.#guards.map((guard) => guard.release()));
    return { status: WORST.find((status) => results.some((result) => result.status === status)) ?? 'released' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

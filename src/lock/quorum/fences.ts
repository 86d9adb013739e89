import type { Clock } from '../../core/clock.js';
import type { Grant, Told } from '../calls/authority.js';
import { gather } from './gather.js';

/**
 * The fence that a majority of servers agrees on. Each server keeps the largest that it has granted, and grants a larger
 * one. The fence of a lock is the largest of a majority's, and a majority keeps it before it is told: so whatever
 * majority grants the lock next has somebody among it who grants a larger one. No clock has to be right for that, except
 * where servers have forgotten it, one after another: then the clocks of the clients must not be apart by `maxLease`.
 *
 * Usually one round is enough: the servers are told what to grant, and where none of them has granted more before, all
 * of them grant just that.
 */
export class Fences {
  readonly #clock: Clock;
  #last = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Above all that were seen here, and not below the time in microseconds. */
  propose(): string {
    const micros = BigInt(Math.floor(this.#clock.wallMs() * 1_000));
    this.#last = micros > this.#last ? micros : this.#last + 1n;
    return String(this.#last);
  }

  /**
   * @param granted the votes of a majority
   * @param raise makes a member keep at least this fence
   * @returns undefined when a member says that its vote is over
   * @throws whatever `raise` throws
   */
  async agree<M>(
    granted: readonly { readonly by: M; readonly answer: Grant }[],
    raise: (member: M, least: bigint) => Promise<Told>,
  ): Promise<bigint | undefined> {
    let fence = 0n;
    for (const { answer } of granted) if ((answer.fence ?? 0n) > fence) fence = answer.fence ?? 0n;
    if (fence > this.#last) this.#last = fence;
    const behind = granted.filter(({ answer }) => answer.fence !== fence).map(({ by }) => by);
    const { answers, failures } = await gather(
      behind,
      (member) => raise(member, fence),
      (soFar) => soFar.failures.length > 0,
    );
    if (failures.length > 0) throw failures[0];
    return answers.every(({ answer }) => answer.standing === 'held') ? fence : undefined;
  }
}

import type { Clock, Timer } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import { CLAIM_MS } from '../calls/run-script.js';

/** After the end of the other's lease it is looked at by one process after another, at this distance. */
const RANK_MS = 25;
const MOST_RANKS = 20;
/** Spread within a rank. */
const SPREAD_MS = 5;

/** One who stands in a line. */
export interface Standing {
  /** Somebody has to look at the lock now. */
  look(): void;
}

/** All of one process who wait in the queue of one lock: the first of them looks after its holder for all. */
export class Line {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #standing = new Set<Standing>();
  #timer: Timer | undefined;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  get isEmpty(): boolean {
    return this.#standing.size === 0;
  }

  add(one: Standing): void {
    this.#standing.add(one);
  }

  remove(one: Standing): void {
    if (!this.#standing.delete(one)) return;
    if (this.isEmpty) this.#timer?.cancel();
    // the one who was to look has left: it may have the lock now, and stand still with it
    else if (this.#timer === undefined) this.onLease(CLAIM_MS, 0);
  }

  /** Others hold the lock for so long, and so many processes look after that before this one. */
  onLease(leaseMs: number, before: number): void {
    this.#timer?.cancel();
    const delayMs = lookDelay(leaseMs, Math.min(before, MOST_RANKS), this.#random);
    this.#timer = this.#clock.timer(delayMs, () => {
      this.#timer = undefined;
      const [first] = this.#standing;
      first?.look();
    });
  }
}

/** How long to wait until the lease of another is over. */
export function lookDelay(leaseMs: number, rank: number, random: Random): number {
  return leaseMs + 1 + rank * RANK_MS + random.uniform() * SPREAD_MS;
}

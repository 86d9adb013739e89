import type { Clock, Timer } from '../../core/clock.js';
import type { Random } from '../../core/random.js';

/** What is looked after at every beat. */
export interface Beating {
  /** Must not throw. */
  beat(): void;
}

/** What all leases of one length are renewed by. */
interface Beat {
  readonly members: Set<Beating>;
  timer: Timer;
}

/** Beats of one length, give or take so much, so that processes do not beat together. */
const JITTER = 0.1;

/**
 * The rhythm in which leases are renewed: all of one ttl together, once in a third of it, so that ten thousand locks cost
 * a handful of commands per third and not ten thousand.
 */
export class Beats {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #beats = new Map<number, Beat>();

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  join(ttlMs: number, member: Beating): void {
    const beat = this.#beats.get(ttlMs);
    if (beat === undefined) this.#beats.set(ttlMs, { members: new Set([member]), timer: this.#next(ttlMs) });
    else beat.members.add(member);
  }

  /** The beat goes on until it finds nobody, so that locks held for a moment do not start one each. */
  leave(ttlMs: number, member: Beating): void {
    this.#beats.get(ttlMs)?.members.delete(member);
  }

  stop(): void {
    for (const { timer } of this.#beats.values()) timer.cancel();
    this.#beats.clear();
  }

  #next(ttlMs: number): Timer {
    const jitter = 1 - JITTER + 2 * JITTER * this.#random.uniform();
    const delayMs = Math.max(MIN_BEAT_MS, (ttlMs / 3) * jitter);
    return this.#clock.backgroundTimer(delayMs, () => this.#strike(ttlMs));
  }

  #strike(ttlMs: number): void {
    const beat = this.#beats.get(ttlMs);
    if (beat === undefined) return;
    if (beat.members.size === 0) return void this.#beats.delete(ttlMs);
    beat.timer = this.#next(ttlMs);
    // those who leave meanwhile are not called any more
    for (const member of beat.members) member.beat();
  }
}

/** No lease, however short, is renewed more often than this. */
const MIN_BEAT_MS = 5;

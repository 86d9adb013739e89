import type { Clock, Timer } from '../../core/clock.js';
import type { LoadContext } from '../options.js';

/** One key that is ours to load, and the promise that waits for its value. */
export interface Wanted<K> {
  /** That of its call among all calls. */
  readonly place: number;
  /** As the loader knows it. */
  readonly id: K;
  readonly context: LoadContext;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Calls that know nothing of each other wait for each other for so long, or once more for as long as it has taken so far. */
const LEAST_PATIENCE_MS = 10;

export interface RoundPlan<K> {
  /** So many keys need not wait for more. */
  readonly maxBatch: number;
  /** Without one, all wait until the last has decided. */
  readonly clock: Clock | undefined;
  readonly send: (wanted: readonly Wanted<K>[]) => void;
}

/**
 * The calls of one tick, each of them undecided until it is to load here, or known not to. What is to be loaded is sent
 * when none is undecided. Usually that is at once, for their questions travel together; a call that takes longer, because
 * its node of a cluster is slow or its schema thinks, holds up the others only within their patience.
 */
export class Round<K> {
  readonly #plan: RoundPlan<K>;
  readonly #begunMs: number;
  /** The tick itself is one: more may come. */
  #undecided = 1;
  #wanted: Wanted<K>[] = [];
  #patience: Timer | undefined;
  #isOver = false;

  constructor(plan: RoundPlan<K>) {
    this.#plan = plan;
    this.#begunMs = plan.clock?.monotonicMs() ?? 0;
  }

  join(place: number): Seat<K> {
    this.#undecided += 1;
    return new Seat(this, place);
  }

  /** Nobody joins any more. */
  close(): void {
    this.decide();
  }

  /** @internal */
  add(wanted: Wanted<K>): void {
    this.#wanted.push(wanted);
    if (this.#isOver || this.#wanted.length >= this.#plan.maxBatch) this.#send();
    else this.#bePatient();
  }

  /** @internal */
  decide(): void {
    this.#undecided -= 1;
    if (this.#undecided === 0) this.#end();
  }

  #bePatient(): void {
    const { clock } = this.#plan;
    if (clock === undefined || this.#patience !== undefined) return;
    const patienceMs = Math.max(LEAST_PATIENCE_MS, clock.monotonicMs() - this.#begunMs);
    // where the process itself was slow, answers may have arrived meanwhile: they are looked at first
    this.#patience = clock.timer(patienceMs, () => setImmediate(() => this.#end()));
  }

  #end(): void {
    this.#isOver = true;
    this.#patience?.cancel();
    this.#send();
  }

  #send(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    this.#plan.send(wanted);
  }
}

/** The place of one call in a round. */
export class Seat<K> {
  readonly #round: Round<K>;
  readonly #place: number;
  #isDecided = false;

  constructor(round: Round<K>, place: number) {
    this.#round = round;
    this.#place = place;
  }

  /** It is to be loaded here. */
  load(id: K, context: LoadContext): Promise<unknown> {
    this.decided();
    const place = this.#place;
    return new Promise((resolve, reject) => this.#round.add({ place, id, context, resolve, reject }));
  }

  /** It is there, or somebody else is loading it, or it has failed. */
  decided(): void {
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#round.decide();
  }
}

import { type Clock, systemClock } from './clock.js';
import { type Random, systemRandom } from './random.js';

/** What the library needs of its surroundings: replaced by tests and by the simulator. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
}

/** The surroundings as they are, with parts replaced. */
export function runtimeWith(parts: { clock?: Clock | undefined; random?: Random | undefined } = {}): Runtime {
  return { clock: parts.clock ?? systemClock, random: parts.random ?? systemRandom };
}

/** Channels per generation; at most two generations are kept. */
const GENERATION = 32_768;
/** Numbers of one run of a channel. Leaves 2^24 runs in 48 bits. */
const RUN = 2 ** 24;

/**
 * The sequence numbers of one publisher, per channel: 1, 2, 3, … in memory that stays bounded however many channels
 * are published to.
 *
 * When a generation of channels is full, the oldest one is forgotten. A forgotten channel begins again, and so does a
 * new one from then on, at the first number of a run that is higher than every number given out so far. So on each
 * channel
 *
 * - numbers of one publisher rise and never come twice;
 * - the next number is the last one plus 1, or the first of a later run (`number % 2^24 === 1`), which says that the
 *   publisher does not remember the channel, not that a message is missing;
 * - any other jump means missing messages; how many is known only within one run (`Math.floor(number / 2^24)`).
 *
 * 2^24 runs of 32,768 channels each outlast any process.
 */
export class Sequences {
  readonly #generation: number;
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #highest = 0;
  #base = 0;

  constructor(generation: number = GENERATION) {
    this.#generation = generation;
  }

  /** The number that the next message on the channel gets. It is taken by `commit`. */
  peek(channel: string): number {
    return (this.#recent.get(channel) ?? this.#older.get(channel) ?? this.#base) + 1;
  }

  commit(channel: string, sequence: number): void {
    if (sequence > this.#highest) this.#highest = sequence;
    if (this.#recent.size >= this.#generation && !this.#recent.has(channel)) this.#age();
    this.#recent.set(channel, sequence);
  }

  #age(): void {
    if (this.#older.size > 0) this.#base = (Math.floor(this.#highest / RUN) + 1) * RUN;
    this.#older = this.#recent;
    this.#recent = new Map();
  }
}

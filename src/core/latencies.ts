/** How long something took, over its last measurements. All but `count` are undefined while there is none. */
export interface LatencySummary {
  /** Measurements since the beginning; the others look at the last 256 of them. */
  readonly count: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly maxMs: number | undefined;
}

/** Enough for a 99th percentile that is more than the largest of a few. */
const KEPT = 256;

/** The last measurements of something, in one ring: adding one allocates nothing, sorting waits until somebody asks. */
export class Latencies {
  readonly #ring = new Float64Array(KEPT);
  #count = 0;

  add(tookMs: number): void {
    this.#ring[this.#count % KEPT] = tookMs;
    this.#count += 1;
  }

  summary(): LatencySummary {
    const sorted = this.#ring.slice(0, Math.min(this.#count, KEPT)).sort();
    return { count: this.#count, p50Ms: rank(sorted, 0.5), p99Ms: rank(sorted, 0.99), maxMs: sorted.at(-1) };
  }
}

/** The nearest-rank percentile: a value that was measured. */
function rank(sorted: Float64Array, share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

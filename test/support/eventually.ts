/** Bound at load, so that a test with fake timers still waits in real time. */
const realTimeout = globalThis.setTimeout;
const realNow = performance.now.bind(performance);

export interface EventuallyOptions {
  /** How long the condition may take, in milliseconds. */
  readonly within?: number;
  /** Milliseconds between two looks. */
  readonly every?: number;
}

/**
 * Waits until `probe` neither throws nor returns `false`, and returns what it returned. When the time is over, the
 * last failure is thrown as it was, so that an assertion inside shows its own difference.
 */
export async function eventually<T>(probe: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { within = 5000, every = 5 } = options;
  const endsAt = realNow() + within;
  for (;;) {
    let failure: unknown;
    try {
      const value = await probe();
      if (value !== false) return value;
    } catch (error) {
      failure = error;
    }
    if (realNow() >= endsAt) {
      if (failure instanceof Error) throw failure;
      throw new Error(`The condition did not become true within ${within} ms: ${probe.toString()}`);
    }
    await new Promise((resolve) => realTimeout(resolve, every));
  }
}

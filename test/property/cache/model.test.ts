import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CacheManager, CounterError } from '../../../src/cache/index.js';
import { RedisManager } from '../../../src/client/manager.js';
import { EmbeddedRedis, VirtualClock } from '../../../src/embedded/index.js';
import { noLeaks } from '../../support/no-leaks.js';

noLeaks();

const LIMIT = Number.MAX_SAFE_INTEGER;
const DEFAULT_TTL_MS = 100;

/**
 * What a cache is, without Redis: a map with expiries, in which a counter is not a value. As on a server, an entry lives
 * through the millisecond in which it expires.
 */
class Model {
  nowMs = 0;
  readonly #entries = new Map<string, { value: unknown; isCounter: boolean; endsMs: number }>();

  get(key: string): unknown {
    return this.#live(key)?.value;
  }

  set(key: string, value: unknown, ttlMs = DEFAULT_TTL_MS): void {
    this.#entries.set(key, { value, isCounter: false, endsMs: this.nowMs + ttlMs });
  }

  delete(key: string): number {
    const found = this.#live(key) !== undefined;
    this.#entries.delete(key);
    return Number(found);
  }

  setIfAbsent(key: string, value: unknown): boolean {
    if (this.#live(key) !== undefined) return false;
    this.set(key, value);
    return true;
  }

  getAndDelete(key: string): unknown {
    const value = this.get(key);
    this.#entries.delete(key);
    return value;
  }

  increment(key: string, by: number, ttlMs: number): unknown {
    const entry = this.#live(key);
    if (entry?.isCounter === false) return 'not-a-counter';
    const sum = BigInt((entry?.value as number | undefined) ?? 0) + BigInt(by);
    if (sum > BigInt(LIMIT) || sum < -BigInt(LIMIT)) return 'overflow';
    this.#entries.set(key, { value: Number(sum), isCounter: true, endsMs: entry?.endsMs ?? this.nowMs + ttlMs });
    return Number(sum);
  }

  touch(key: string, ttlMs: number): boolean {
    const entry = this.#live(key);
    if (entry !== undefined) entry.endsMs = this.nowMs + ttlMs;
    return entry !== undefined;
  }

  #live(key: string): { value: unknown; isCounter: boolean; endsMs: number } | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.endsMs >= this.nowMs ? entry : undefined;
  }
}

/** One call, on the model at once and on the cache as a promise. */
type Call = readonly [words: string, onModel: (model: Model) => unknown, onCache: (cache: CacheManager) => unknown];

const key = fc.constantFrom('a', 'b', '{c}d', 'e:f');
const value = fc.oneof(
  fc.constantFrom<unknown>(null, false, 0, '', 'text', [1, [null]], { a: { b: 1 } }),
  fc.integer(),
);
const ttl = fc.integer({ min: 1, max: 200 });
const by = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) }, fc.constantFrom(LIMIT, -LIMIT));

const call: fc.Arbitrary<Call> = fc.oneof(
  key.map((k): Call => [`get ${k}`, (m) => m.get(k), (c) => c.get(k)]),
  key.map((k): Call => [`has ${k}`, (m) => m.get(k) !== undefined, (c) => c.has(k)]),
  fc
    .tuple(key, value, fc.option(ttl, { nil: undefined }))
    .map(([k, v, t]): Call => [`set ${k} ${t}`, (m) => m.set(k, v, t), (c) => c.set(k, v, t)]),
  key.map((k): Call => [`delete ${k}`, (m) => m.delete(k), (c) => c.delete(k)]),
  fc.tuple(key, value).map(([k, v]): Call => [`nx ${k}`, (m) => m.setIfAbsent(k, v), (c) => c.setIfAbsent(k, v)]),
  key.map((k): Call => [`take ${k}`, (m) => m.getAndDelete(k), (c) => c.getAndDelete(k)]),
  fc
    .tuple(key, by, ttl)
    .map(([k, b, t]): Call => [`add ${k} ${b} ${t}`, (m) => m.increment(k, b, t), (c) => reason(c.increment(k, b, t))]),
  fc.tuple(key, ttl).map(([k, t]): Call => [`touch ${k} ${t}`, (m) => m.touch(k, t), (c) => c.touch(k, t)]),
);

/** Calls made in one tick, and how far time moves after them. */
const tick = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 8 }),
  passMs: fc.integer({ min: 0, max: 90 }),
});

async function reason(result: Promise<number>): Promise<unknown> {
  return result.catch((error: unknown) => (error instanceof CounterError ? error.reason : error));
}

test('any calls, any number of them in one tick, answer as a map with expiries does', async () => {
  const clock = new VirtualClock();
  const name = randomUUID();
  EmbeddedRedis.named(name, { clock });
  const manager = await RedisManager.connect(`memory://${name}`, { clock });
  const root = new CacheManager(manager, DEFAULT_TTL_MS, { onError: 'throw' });
  // so that no later script has to be sent twice
  await Promise.all([root.increment('warm'), root.setIfAbsent('warm too', 1), root.touch('warm', DEFAULT_TTL_MS)]);
  const property = fc.asyncProperty(fc.array(tick, { maxLength: 25 }), async (ticks) => {
    const cache = root.namespace(randomUUID());
    const model = new Model();
    for (const { calls, passMs } of ticks) {
      const expected = calls.map(([, onModel]) => onModel(model));
      const got = await Promise.all(calls.map(([, , onCache]) => onCache(cache)));
      expect(got, calls.map(([words]) => words).join(', ')).toEqual(expected);
      await clock.advance(passMs);
      model.nowMs += passMs;
    }
  });
  await fc.assert(property, { numRuns: 150 });
  await manager.close();
});

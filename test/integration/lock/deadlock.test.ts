import { describe, expect, test } from 'vitest';
import { DistributedLock, LockDeadlockError } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';

noLeaks();

type Make = (key: string) => DistributedLock;

/** So many processes with locks that look for circles. */
async function setUp(count: number): Promise<{ makes: readonly Make[]; prefix: string }> {
  const makes: Make[] = [];
  let prefix = '';
  for (let n = 0; n < count; n += 1) {
    const manager = await connect();
    prefix ||= manager.config.prefix;
    const options = { deadlocks: true, prefix };
    makes.push((key) => new DistributedLock(manager, key, '20s', options));
  }
  return { makes, prefix };
}

/** Each holds a lock of its own and then wants the next one's; they begin to wait one after another. */
async function circle(makes: readonly Make[]): Promise<PromiseSettledResult<string>[]> {
  const names = makes.map((_make, n) => `lock ${n}`);
  const held = new Set<number>();
  const lockOf = (n: number): DistributedLock => (makes[n % makes.length] as Make)(names[n % names.length] as string);
  const runs = makes.map(async (make, n) =>
    lockOf(n).run(async () => {
      held.add(n);
      await eventually(() => expect(held.size).toBe(makes.length));
      const wanted = make(names[(n + 1) % names.length] as string);
      const before = async (): Promise<number> => (await lockOf(n).inspect())?.waiters[0]?.waitingMs ?? 0;
      if (n > 0) await eventually(async () => expect(await before()).toBeGreaterThan(300));
      return wanted.run(async () => `${n} has both`, { timeout: '30s' });
    }),
  );
  return Promise.allSettled(runs);
}

describe('a circle of holders who wait for each other', () => {
  test.each([2, 3])(
    'of %i ends with the one who began to wait last, and the others go on',
    { timeout: 30_000 },
    async (count) => {
      const { makes, prefix } = await setUp(count);
      const results = await circle(makes);
      const failed = results.filter((result) => result.status === 'rejected');
      expect(failed).toHaveLength(1);
      const error: unknown = failed[0]?.reason;
      expect(error).toBeInstanceOf(LockDeadlockError);
      expect(results.at(-1)).toBe(failed[0]);
      expect(new Set((error as LockDeadlockError).cycle)).toEqual(
        new Set(makes.map((_make, n) => `${prefix}:lock:{lock ${n}}`)),
      );
      if (target.single)
        await eventually(async () => expect(await raw(['KEYS', `${prefix}:lock:waits:*`])).toEqual([]));
    },
  );

  test('is none where one only waits for another for long', { timeout: 30_000 }, async () => {
    const { makes } = await setUp(2);
    const [one, other] = makes as [Make, Make];
    const order: string[] = [];
    const first = one('a').run(async () => {
      await eventually(async () => expect((await one('a').inspect())?.waiters).toHaveLength(1));
      // three looks of the one who waits
      const waitingMs = async (): Promise<number> => (await one('a').inspect())?.waiters[0]?.waitingMs ?? 0;
      await eventually(async () => expect(await waitingMs()).toBeGreaterThan(3_200), { every: 50 });
      order.push('one');
    });
    await other('c').run(() => other('a').run(async () => void order.push('other')));
    await first;
    expect(order).toEqual(['one', 'other']);
  });
});

test.each([
  [['a', 'b'], {}],
  ['a', { order: 'barge' }],
  ['a', { reentrant: true }],
] as const)('looking for circles does not go with %o %o', async (key, options) => {
  const manager = await connect();
  expect(() => new DistributedLock(manager, key, '10s', { ...options, deadlocks: true })).toThrow('lock.deadlocks');
});

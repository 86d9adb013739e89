import { describe, expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, onEachNode, raw, target, uniquePrefix } from '../../support/target.js';
import { warm } from './warm.js';

noLeaks();

const NEAR = { coherence: 'pubsub', maxStaleness: '2s' } as const;

/** Two processes that tell each other what they change. */
async function openTwo() {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  const caches = [a, b].map((manager) => new CacheManager(manager, '5m', { near: NEAR }));
  const [near, other] = caches as [CacheManager, CacheManager];
  return { near, other, root: `${prefix}:cache:` };
}

describe('where the processes tell each other', () => {
  test.each<[string, (cache: CacheManager) => Promise<unknown>, unknown]>([
    ['set', (cache) => cache.set('k', 'new'), 'new'],
    ['deleted', (cache) => cache.delete('k'), undefined],
    ['marked stale', (cache) => cache.markStale('k'), undefined],
    ['taken', (cache) => cache.getAndDelete('k'), undefined],
    ['loaded anew', (cache) => cache.getOrSet('k', () => 'new', { force: true }), 'new'],
    ['cleared with its namespace', (cache) => cache.clear(), undefined],
    ['invalidated by a tag', (cache) => cache.invalidateTags('t'), undefined],
  ])('a value that is %s by another is not served any more', async (_what, change, expected) => {
    const { near, other } = await openTwo();
    await other.set('k', 'old', { tags: ['t'], grace: '1m' });
    expect(await warm(near, 'k')).toBe('old');
    await change(other);
    await eventually(async () => (await near.get('k')) === expected);
  });

  test('one that another program removes is not served after its own end', async () => {
    const { near, other, root } = await openTwo();
    await other.set('k', 1, 700);
    expect(await warm(near, 'k')).toBe(1);
    await raw(['DEL', `${root}{k}`]);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await near.get('k')).toBeUndefined();
  });

  test('a message that nobody understands may have been about anything', async () => {
    const { near, other, root } = await openTwo();
    await other.set('k', 1);
    await warm(near, 'k');
    await raw(['PUBLISH', `${root}changed`, 'something else']);
    await eventually(() => near.stats().near?.entries === 0);
    expect(await warm(near, 'k')).toBe(1);
  });

  // the engine in the process has no connections that could be killed
  test.skipIf(target.embedded)(
    'without the connection that hears of the others nothing is served from near until it is back',
    async () => {
      const { near, other } = await openTwo();
      const told: string[] = [];
      near.on('blind', () => told.push('blind'));
      near.on('armed', () => told.push('armed'));
      await other.set('k', 'old');
      await warm(near, 'k');
      expect(told).toEqual(['armed']);
      await onEachNode((ask) => ask(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
      await eventually(() => told.includes('blind'));
      await other.set('k', 'new');
      expect(await near.get('k')).toBe('new');
      await eventually(() => told.length === 3);
      expect(await warm(near, 'k')).toBe('new');
    },
  );
});

import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions, type LoadContext } from '../../../src/cache/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, uniquePrefix } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

/** What two processes have: connections of their own to the same keys. */
async function openTwo(options?: CacheOptions) {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  return { a: new CacheManager(a, '5m', options), b: new CacheManager(b, '5m', options), root: `${prefix}:cache:` };
}

/** A load that has begun and waits for the test. */
async function begin(cache: CacheManager, key: string, options: object) {
  const result = gate<unknown>();
  const begun = gate<LoadContext>();
  const loaded = cache.getOrSet(
    key,
    (context) => {
      begun.open(context);
      return result.opened;
    },
    options,
  );
  return { context: await begun.opened, land: result.open, loaded };
}

const never = (): never => expect.unreachable();
const GRACE = { grace: '1m' } as const;

describe('clear', () => {
  test('ends what was written in the namespace, by any process, and nothing else', async () => {
    const { a, b } = await openTwo();
    const [inner, other] = [a.namespace('inner'), b.namespace('other')];
    for (const cache of [a, inner, other]) await cache.set('k', 'old', GRACE);
    await a.increment('n');
    await b.clear();
    expect([await a.get('k'), await b.get('k'), await a.has('k')]).toEqual([undefined, undefined, false]);
    expect([await inner.get('k'), await other.get('k'), await a.get('n')]).toEqual(['old', 'old', 1]);
    expect((await a.entry('k'))?.state).toBe('cleared');
    expect(a.stats().missesBy).toMatchObject({ cleared: 1 });
    expect(await a.getOrSet('k', () => 'new', GRACE)).toBe('new');
    expect(await b.get('k')).toBe('new');
  });

  test('lets nothing be stored whose load began before, nor anybody wait for it who comes after', async () => {
    const { a, b } = await openTwo();
    const slow = await begin(a, 'k', {});
    await b.clear();
    const second = a.getOrSet('k', () => 'new');
    slow.land('old');
    expect(await slow.loaded).toBe('old');
    expect(await second).toBe('new');
    await eventually(async () => (await b.get('k')) === 'new');
  });

  test('in another process hides nothing that is set after it', async () => {
    const { a, b } = await openTwo();
    await a.set('k', 'before');
    await b.clear();
    await a.set('k', 'after');
    expect([await a.get('k'), await b.get('k')]).toEqual(['after', 'after']);
    await b.clear();
    await a.setMany([
      ['x', 1],
      ['y', 2],
    ]);
    await b.clear();
    await a.set('z', 3, GRACE);
    expect([...(await b.getMany(['x', 'y', 'z']))]).toEqual([['z', 3]]);
  });

  test('frees keys for setIfAbsent and getAndDelete, and touch leaves them over', async () => {
    const { a, b } = await openTwo();
    await a.setMany([
      ['x', 'old'],
      ['y', 'old'],
      ['z', 'old'],
    ]);
    await b.clear();
    expect(await a.touch('x', '1m')).toBe(false);
    expect(await a.getAndDelete('y')).toBeUndefined();
    expect(await Promise.all([a.setIfAbsent('z', 'new'), b.setIfAbsent('z', 'other')])).toContain(true);
    expect(await a.setIfAbsent('z', 'third')).toBe(false);
    expect(await a.get('x')).toBeUndefined();
    expect(['new', 'other']).toContain(await a.get('z'));
  });
});

describe('a namespace whose epoch Redis has lost', () => {
  test('is empty, and can be written to at once', async () => {
    const { a, b, root } = await openTwo();
    await a.set('k', 'old');
    expect(await b.get('k')).toBe('old');
    await raw(['DEL', `${root}epoch`]);
    expect([await a.get('k'), await b.get('k')]).toEqual([undefined, undefined]);
    await a.set('x', 1);
    expect([await b.get('x'), await b.get('k')]).toEqual([1, undefined]);
    await raw(['DEL', `${root}epoch`]);
    await b.set('y', 2);
    expect([await a.get('y'), await a.get('x'), await a.get('k')]).toEqual([2, undefined, undefined]);
  });

  test('is kept for at least twice as long as what is written under it', async () => {
    const { a, b, root } = await openTwo();
    await a.set('short', 1, '1m');
    expect(Number(await raw(['PTTL', `${root}epoch`]))).toBeGreaterThan(120_000);
    await b.set('long', 1, { ttl: '20d', grace: '5d', tags: ['t'] });
    const atLeastMs = 50 * 86_400_000 - 1_000;
    expect(Number(await raw(['PTTL', `${root}epoch`]))).toBeGreaterThan(atLeastMs);
    expect(Number(await raw(['PTTL', `${root}tag:{t}`]))).toBeGreaterThan(atLeastMs);
    await a.invalidateTags('t');
    await a.clear();
    expect(Number(await raw(['PTTL', `${root}epoch`]))).toBeGreaterThan(atLeastMs);
    expect(Number(await raw(['PTTL', `${root}tag:{t}`]))).toBeGreaterThan(atLeastMs);
  });

  test('holds something else there: that is told, and nothing is found', async () => {
    const { a, root } = await openTwo({ onError: 'throw' });
    await raw(['SET', `${root}epoch`, 'mine', 'PX', '60000']);
    await expect(a.set('k', 1)).rejects.toMatchObject({ code: 'RU_BAD_REPLY' });
    expect(await a.get('k')).toBeUndefined();
    expect(await raw(['GET', `${root}epoch`])).toBe('mine');
  });
});

describe('a tag', () => {
  test('that is dropped ends all entries that have it, in this namespace, and no others', async () => {
    const { a, b } = await openTwo();
    const inner = a.namespace('inner');
    await a.setMany([['x', 1]], { tags: ['t', 'u'], ...GRACE });
    await a.getOrSet('y', () => 2, { tags: ['t'] });
    await a.set('z', 3, { tags: ['u'] });
    await inner.set('x', 4, { tags: ['t'] });
    expect((await b.entry('x'))?.tags).toEqual(['t', 'u']);
    await b.invalidateTags('t', { mode: 'drop' });
    expect([...(await a.getMany(['x', 'y', 'z']))]).toEqual([['z', 3]]);
    expect([await inner.get('x'), await a.get('x', { tags: ['t'] })]).toEqual([4, undefined]);
    expect((await a.entry('x'))?.state).toBe('invalidated');
    expect(a.stats().missesBy.invalidated).toBe(3);
  });

  test('that is invalidated leaves what has a grace to be served as stale', async () => {
    const { a, b } = await openTwo();
    await a.set('graced', 'old', { tags: ['t'], ...GRACE });
    await a.set('not', 'old', { tags: ['t'] });
    await b.invalidateTags(['t']);
    expect([await a.get('graced'), await a.get('not'), await a.has('graced')]).toEqual([undefined, undefined, false]);
    expect([(await a.entry('graced'))?.state, (await a.entry('not'))?.state]).toEqual(['stale', 'invalidated']);
    const options = { tags: ['t'], ...GRACE };
    expect(await a.getOrSet('graced', () => 'new', options)).toBe('old');
    expect(await a.getOrSet('not', () => 'new', options)).toBe('new');
    await eventually(async () => (await b.get('graced')) === 'new');
    await b.invalidateTags('t', { mode: 'drop' });
    expect(await a.getOrSet('graced', () => 'newer', options)).toBe('newer');
  });

  test.each(['stale', 'drop'] as const)(
    'of which a load began before it was invalidated (%s) does not come back',
    async (mode) => {
      const { a, b } = await openTwo();
      const slow = await begin(a, 'k', { tags: ['t'] });
      await b.invalidateTags('t', { mode });
      const second = a.getOrSet('k', () => 'new', { tags: ['t'] });
      const third = a.getOrSet<unknown>('k', () => 'new');
      slow.land('old');
      expect([await slow.loaded, await second, await third]).toEqual(['old', 'new', 'new']);
      expect(await b.get('k')).toBe('new');
    },
  );

  test('that only the loader names counts from the beginning of the load, too', async () => {
    const { a, b } = await openTwo();
    await a.set('any', 1, { tags: ['t'] });
    const slow = await begin(a, 'k', {});
    await b.invalidateTags('t');
    slow.context.options({ tags: ['t'] });
    const second = a.getOrSet<unknown>('k', () => 'new');
    slow.land('old');
    expect([await slow.loaded, await second]).toEqual(['old', 'new']);
    expect(await b.get('k')).toBe('new');
    expect(a.stats().fenced).toBe(1);
    const calm = await begin(a, 'calm', {});
    calm.context.options({ tags: ['t', 'never seen'] });
    calm.land('kept');
    await calm.loaded;
    expect(await b.getOrSet('calm', never)).toBe('kept');
    await b.invalidateTags('never seen');
    expect(await a.get('calm')).toBeUndefined();
  });

  test('whose epoch Redis has lost ends its entries, and never brings back any', async () => {
    const { a, b, root } = await openTwo();
    await a.set('k', 'old', { tags: ['t'], ...GRACE });
    await raw(['DEL', `${root}tag:{t}`]);
    expect(await b.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
    await a.set('x', 'old', { tags: ['t'], ...GRACE });
    await b.invalidateTags('t', { mode: 'drop' });
    await raw(['DEL', `${root}tag:{t}`]);
    await a.invalidateTags('t');
    await b.set('y', 1, { tags: ['t'] });
    expect(await a.getOrSet('x', () => 'newer')).toBe('newer');
    expect(await a.get('y')).toBe(1);
  });

  test('that two invalidate at once is invalidated', async () => {
    const { a, b } = await openTwo();
    await a.set('k', 'old', { tags: ['t'] });
    await Promise.all([a.invalidateTags('t'), b.invalidateTags('t')]);
    expect([await a.get('k'), await b.get('k')]).toEqual([undefined, undefined]);
  });

  test('which another process has invalidated is right again in what is set after it', async () => {
    const { a, b } = await openTwo();
    await a.set('k', 'old', { tags: ['t', 'u'] });
    await b.invalidateTags(['t', 'u'], { mode: 'drop' });
    await a.set('k', 'new', { tags: ['t', 'u'] });
    expect([await a.get('k'), await b.get('k')]).toEqual(['new', 'new']);
    await b.invalidateTags('u');
    expect(await a.get('k')).toBeUndefined();
  });

  test('is fresh again when the loader says that nothing has changed', async () => {
    const { a, b } = await openTwo();
    const options = { tags: ['t'], grace: '1m', softTimeout: '5s' } as const;
    await a.set('k', 'right', { tags: ['t', 'u'], grace: '1m' });
    await b.invalidateTags(['t', 'u']);
    expect(await a.getOrSet('k', ({ notModified }) => notModified(), options)).toBe('right');
    await eventually(async () => (await b.get('k')) === 'right');
    await b.invalidateTags('u');
    expect(await b.get('k')).toBeUndefined();
  });

  test('may have any name, and as many entries as there are: nothing is kept of them', async () => {
    const { a, b, root } = await openTwo();
    const tags = ['a{b}c', 'ü:%', ':', '{}', 'x'.repeat(255)];
    await Promise.all(Array.from({ length: 50 }, (_, index) => a.set(`k${index}`, index, { tags })));
    expect((await b.entry('k0'))?.tags).toEqual(tags);
    for (const tag of tags) expect(Number(await raw(['STRLEN', `${root}tag:{${tag}}`]))).toBeLessThan(23);
    await b.invalidateTags('a{b}c', { mode: 'drop' });
    expect((await a.getMany(Array.from({ length: 50 }, (_, index) => `k${index}`))).size).toBe(0);
  });

  test('of what is not there, is negative and is invalidated as well', async () => {
    const { a, b } = await openTwo();
    await a.getOrSet('k', ({ notFound }) => notFound(), { tags: ['t'] });
    expect(await b.getOrSet('k', never)).toBeUndefined();
    await b.invalidateTags('t');
    expect(await a.getOrSet('k', () => 'now there is')).toBe('now there is');
  });
});

import { expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

async function open(version?: string) {
  const manager = await connect();
  const key = `${manager.config.prefix}:cache:{k}`;
  return { cache: new CacheManager(manager, '1m', { version }), manager, key };
}

test('nothing is undefined', async () => {
  const { cache } = await open();
  expect(await cache.entry('k')).toBeUndefined();
});

test('what was set says how long Redis keeps it, and no more', async () => {
  const { cache } = await open();
  await cache.set('k', { a: 1 });
  const entry = await cache.entry('k');
  expect(entry).toMatchObject({ state: 'fresh', value: { a: 1 }, tier: 'redis', loadMs: undefined, isLeased: false });
  expect([entry?.createdAt, entry?.freshUntil, entry?.staleUntil]).toEqual([undefined, undefined, undefined]);
  expect(entry?.expiresInMs).toBeGreaterThan(50_000);
  expect(entry?.bytes).toBeGreaterThan(54);
});

test('what was loaded says when, how long it took, and until when it is what', async () => {
  const { cache } = await open();
  await cache.getOrSet('k', () => 'v', { ttl: '1m', grace: '2m', jitter: 0 });
  const entry = await cache.entry<string>('k');
  expect(entry).toMatchObject({ state: 'fresh', value: 'v', loadMs: expect.any(Number) });
  const [created = 0, fresh = 0, stale = 0] = [entry?.createdAt, entry?.freshUntil, entry?.staleUntil].map(Number);
  expect([fresh - created, stale - fresh]).toEqual([60_000, 120_000]);
  await cache.markStale('k');
  expect(await cache.entry('k')).toMatchObject({ state: 'stale', value: 'v' });
});

test('a load in progress, and what was not found', async () => {
  const { cache } = await open();
  const slow = gate<undefined>();
  const begun = gate();
  const waiting = cache.getOrSet('k', async ({ notFound }) => {
    begun.open();
    await slow.opened;
    return notFound();
  });
  await begun.opened;
  expect(await cache.entry('k')).toMatchObject({ state: 'loading', value: undefined, isLeased: true });
  slow.open(undefined);
  await waiting;
  expect(await cache.entry('k')).toMatchObject({ state: 'not-found', value: undefined, isLeased: false });
});

test('an entry of another version', async () => {
  const { cache, manager } = await open('v1');
  await cache.set('k', 1);
  expect(await new CacheManager(manager, '1m', { version: 'v2' }).entry('k')).toMatchObject({ state: 'other-version' });
});

test.each<[string, readonly string[], object]>([
  ['a counter', ['SET', '7'], { state: 'fresh', value: 7, expiresInMs: undefined }],
  ['somebody else’s text', ['SET', '{"a":1}'], { state: 'unreadable', problem: { code: 'RU_FOREIGN_VALUE' } }],
  ['damage', ['SET', '\xc1'], { state: 'unreadable', problem: expect.any(Error) }],
  ['another type', ['RPUSH', 'x'], { state: 'other-type', problem: { replyCode: 'WRONGTYPE' }, bytes: 0 }],
])('%s', async (_what, [name = '', content = ''], expected) => {
  const { cache, key } = await open();
  await raw([name, key, Buffer.from(content, 'latin1')]);
  expect(await cache.entry('k')).toMatchObject(expected);
});

import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheFailure } from '../../../src/cache/index.js';
import { RedisManager } from '../../../src/client/manager.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const COMMAND_TIMEOUT_MS = 300;
/** What a call may take beyond the command timeout on a busy machine. */
const SLACK_MS = 1500;

async function start(args: string[] = []) {
  const server = await RedisServer.start({ args });
  const manager = await RedisManager.connect({ url: server.url, commandTimeout: COMMAND_TIMEOUT_MS });
  afterThisTest(async () => void (await manager.close({ drain: 100 })));
  const open = new CacheManager(manager, '5m');
  const strict = new CacheManager(manager, '5m', { onError: 'throw' });
  const failures: CacheFailure[] = [];
  open.on('error', (failure) => failures.push(failure));
  return { server, manager, open, strict, failures };
}

function rideThrough(cache: CacheManager): Promise<unknown>[] {
  return [
    cache.get('k'),
    cache.getMany(['k', 'l']),
    cache.has('k'),
    cache.set('k', 1),
    cache.setMany([
      ['k', 1],
      ['l', 2],
    ]),
    cache.delete('k'),
    cache.getOrSet('m', () => 'loaded'),
  ];
}

function atomics(cache: CacheManager): Promise<unknown>[] {
  return [cache.increment('n'), cache.setIfAbsent('a', 1), cache.getAndDelete('k'), cache.touch('k', '1m')];
}

const RODE_THROUGH = [undefined, new Map(), false, undefined, undefined, 0, 'loaded'];

describe.each(['killed', 'frozen'] as const)('with the server %s', (how) => {
  test('under "open" calls go on without the store, in bounded time, and every failure is an event', async () => {
    const { server, open, failures } = await start();
    if (how === 'killed') await server.kill();
    else server.pause();
    const startedAt = performance.now();
    expect(await Promise.all(rideThrough(open))).toEqual(RODE_THROUGH);
    expect(performance.now() - startedAt).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS);
    const operations = failures.map(({ operation }) => operation);
    expect(new Set(operations)).toEqual(new Set(['get', 'getMany', 'has', 'set', 'setMany', 'delete', 'getOrSet']));
    expect(operations.filter((operation) => operation === 'setMany')).toHaveLength(2);
    for (const { error } of failures) expect(error).toMatchObject({ code: /^RU_(CONNECTION|TIMEOUT)$/ as never });
    expect(open.stats().errors).toBe(failures.length);
    if (how === 'frozen') server.resume();
  });

  test('atomic calls reject in both modes, and under "throw" every call does', async () => {
    const { server, open, strict } = await start();
    if (how === 'killed') await server.kill();
    else server.pause();
    const results = await Promise.allSettled([...atomics(open), ...atomics(strict), ...rideThrough(strict)]);
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 'rejected'));
    expect(results.at(-3)).toMatchObject({ reason: { code: 'RU_CACHE_PARTIAL_WRITE', written: 0 } });
    if (how === 'frozen') server.resume();
  });

  test('in the middle of loads every caller gets the loaded value, from one load per key', async () => {
    const { server, open } = await start();
    let loads = 0;
    const load = async (): Promise<string> => {
      loads += 1;
      if (loads === 1) {
        if (how === 'killed') await server.kill();
        else server.pause();
      }
      return 'loaded';
    };
    const values = await Promise.all(Array.from({ length: 50 }, () => open.getOrSet('k', load)));
    expect(new Set(values)).toEqual(new Set(['loaded']));
    expect(loads).toBe(1);
    if (how === 'frozen') server.resume();
  });
});

test('a caller whose time is up while its value is being stored gets the value; under "throw" it hears of it', async () => {
  const { server, open, strict } = await start();
  const load = (): string => {
    server.pause();
    return 'loaded';
  };
  expect(await open.getOrSet('k', load, { timeout: 100 })).toBe('loaded');
  server.resume();
  await expect(strict.getOrSet('l', load, { timeout: 100 })).rejects.toMatchObject({ code: 'RU_TIMEOUT' });
  server.resume();
});

test('killed under load, no promise is left hanging, and the cache works again after a restart', async () => {
  const { server, open } = await start();
  const running = { on: true };
  let calls = 0;
  const client = async (id: number): Promise<void> => {
    while (running.on) {
      calls += 1;
      await open.set(`k${id}`, { id });
      expect([undefined, id]).toContain((await open.get<{ id: number }>(`k${id}`))?.id);
      expect(await open.getOrSet(`l${id}`, () => id)).toBe(id);
      await open.increment(`n${id}`).catch((error: unknown) => {
        expect(error).toMatchObject({ outcome: expect.stringMatching(/^(not-sent|unknown)$/) as string });
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const clients = Array.from({ length: 20 }, (_, id) => client(id));
  await eventually(() => calls > 200);
  await server.kill();
  await eventually(() => open.stats().errors > 200);
  await server.restart();
  await eventually(async () => {
    await open.set('probe', 1);
    return (await open.get('probe')) === 1;
  });
  running.on = false;
  await Promise.all(clients);
});

test('a full server refuses writes, which under "open" is no failure of the load', async () => {
  const { open, failures, manager } = await start(['--maxmemory-policy', 'noeviction']);
  await manager.command(['CONFIG', 'SET', 'maxmemory', 1]);
  expect(await open.getOrSet('k', () => 'loaded')).toBe('loaded');
  expect(failures).toMatchObject([{ operation: 'getOrSet', key: 'k', error: { replyCode: 'OOM' } }]);
  await expect(open.increment('n')).rejects.toMatchObject({ replyCode: 'OOM' });
});

test('one forbidden key of a batch fails alone', async () => {
  const acl = ['user default on nopass ~ru:cache:{open*} ~ru:cache:epoch &* +@all'];
  const server = await RedisServer.start({ acl });
  const manager = await RedisManager.connect({ url: server.url });
  afterThisTest(async () => void (await manager.close({ drain: 100 })));
  const cache = new CacheManager(manager, '5m', { onError: 'throw' });
  await cache.set('open1', 1);
  const results = await Promise.allSettled([cache.get('open1'), cache.get('secret'), cache.get('open2')]);
  expect(results).toMatchObject([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: { code: 'RU_SERVER', replyCode: 'NOPERM' } },
    { status: 'fulfilled', value: undefined },
  ]);
  const written = cache.setMany([
    ['open1', 2],
    ['secret', 2],
    ['open2', 2],
  ]);
  await expect(written).rejects.toMatchObject({ written: 2, failures: [{ key: 'secret' }] });
  expect(await cache.get('open2')).toBe(2);
});

test('commands of concurrent reads are counted by the server as at most 0.1 per call', async () => {
  const { open, manager } = await start();
  await open.setMany(Array.from({ length: 512 }, (_, index) => [`k${index}`, { index }] as const));
  await manager.command(['CONFIG', 'RESETSTAT']);
  const values = await Promise.all(Array.from({ length: 512 }, (_, index) => open.get<{ index: number }>(`k${index}`)));
  expect(values.map((value) => value?.index)).toEqual(Array.from({ length: 512 }, (_, index) => index));
  const stats = await manager.command<string>(['INFO', 'commandstats']);
  expect(/cmdstat_mget:calls=(\d+)/.exec(stats)?.[1]).toBe('4');
  expect(stats).not.toContain('cmdstat_get:');
});

describe.each(['killed', 'frozen'] as const)('invalidations that fail because the server is %s', (how) => {
  /** A cache that is cut off from its server, and another process that is not any more when it is back. */
  async function cutOff() {
    const { server, manager, open, failures } = await start(['--appendonly', 'yes', '--appendfsync', 'always']);
    const inner = open.namespace('inner');
    await open.setMany(
      ['deleted', 'set', 'tagged', 'stale'].map((key) => [key, 'old']),
      { grace: '1h', tags: ['t'] },
    );
    await open.set('kept', 'old', { grace: '1h' });
    await inner.set('cleared', 'old');
    if (how === 'killed') await server.kill();
    else server.pause();
    const back = async (): Promise<void> => (how === 'killed' ? server.restart() : server.resume());
    return { server, manager, open, inner, failures, back };
  }

  test('are sent again before anything is read, when it answers', async () => {
    const { open, inner, failures, back } = await cutOff();
    await Promise.all([
      open.delete('deleted'),
      open.set('set', 'new'),
      open.markStale('stale'),
      open.invalidateTags('t', { mode: 'drop' }),
      inner.clear(),
    ]);
    expect(failures).toHaveLength(5);
    await back();
    const keys = ['deleted', 'set', 'tagged', 'stale'];
    // a value that is older than the invalidation never comes back; reads may still fail for a while
    await eventually(async () => (await open.get('kept')) === 'old', { within: '10s' });
    for (const key of keys) expect(await open.get(key)).not.toBe('old');
    expect(await inner.get('cleared')).toBeUndefined();
    await eventually(() => open.stats().journal.pending === 0);
    expect(open.stats().journal.replayed).toBeGreaterThanOrEqual(5);
    expect(await open.getOrSet('stale', () => 'new', { softTimeout: '5s' })).toBe('new');
  });

  test('are sent again by themselves, when nobody reads', async () => {
    const { server, open, back } = await cutOff();
    await open.delete('deleted');
    await back();
    await eventually(async () => (await server.command(['EXISTS', 'ru:cache:{deleted}'])) === 0, { within: '15s' });
    expect(await open.get('kept')).toBe('old');
  });

  test('are forgotten when the key is written in the meantime', async () => {
    const { open, back } = await cutOff();
    await open.delete('deleted');
    await back();
    await eventually(
      async () => {
        await open.set('deleted', 'newer');
        return (await open.get('deleted')) === 'newer';
      },
      { within: '10s' },
    );
    await eventually(() => open.stats().journal.pending === 0);
    expect([undefined, 'newer']).toContain(await open.get('deleted'));
  });
});

test('an invalidation that the server refuses for good is not sent again', async () => {
  const { server, manager, open, failures } = await start();
  await open.set('k', 1);
  await server.command(['ACL', 'SETUSER', 'default', '-unlink']);
  expect(await open.delete('k')).toBe(0);
  await server.command(['ACL', 'SETUSER', 'default', '+unlink']);
  expect(failures).toHaveLength(1);
  expect(open.stats().journal).toEqual({ pending: 0, replayed: 0 });
  await manager.close();
});

test('more invalidations than the journal holds clear their namespace instead', async () => {
  const { server, open } = await start(['--appendonly', 'yes', '--appendfsync', 'always']);
  const [inner, other] = [open.namespace('inner'), open.namespace('other')];
  await Promise.all([inner.set('k', 'old'), other.set('k', 'kept')]);
  await server.kill();
  await inner.delete('k', ...Array.from({ length: 10_500 }, (_, index) => `k${index}`));
  expect(open.stats().journal.pending).toBeLessThan(600);
  await server.restart();
  await eventually(async () => (await other.get('k')) === 'kept', { within: '10s' });
  expect(await inner.get('k')).toBeUndefined();
});

import { describe, expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { ServerError } from '../../../src/core/errors.js';
import { type Answer, emptyServer, stubManager } from './stub-manager.js';

function cacheOn(answer: Answer) {
  const { manager, sent } = stubManager(answer);
  return { cache: new CacheManager(manager, '1m'), sent };
}

function names(sent: unknown[][]): unknown[] {
  return sent.map(([name]) => name);
}

describe('reads of one tick', () => {
  test('a lone get is one MGET, with the epoch of its namespace', async () => {
    const { cache, sent } = cacheOn(emptyServer);
    expect(await cache.get('a')).toBeUndefined();
    expect(sent).toEqual([['MGET', 'ru:cache:{a}', 'ru:cache:epoch']]);
  });

  test('travel as one MGET, also from several namespaces, each key and epoch once', async () => {
    const { cache, sent } = cacheOn(emptyServer);
    const users = cache.namespace('users');
    await Promise.all([cache.get('a'), users.get('a'), cache.get('a'), cache.getMany(['a', 'b']), users.get('a')]);
    const keys = ['ru:cache:{a}', 'ru:cache:@users:{a}', 'ru:cache:{b}'];
    expect(sent).toEqual([['MGET', ...keys, 'ru:cache:epoch', 'ru:cache:@users:epoch']]);
  });

  test('ask for the epochs of the tags that they name', async () => {
    const { cache, sent } = cacheOn(emptyServer);
    await Promise.all([cache.get('a', { tags: ['x'] }), cache.getOrSet('b', () => undefined, { tags: ['x', 'y'] })]);
    const keys = ['ru:cache:{a}', 'ru:cache:{b}', 'ru:cache:epoch', 'ru:cache:tag:{x}', 'ru:cache:tag:{y}'];
    expect(sent[0]).toEqual(['MGET', ...keys]);
  });

  test.each([64, 512])('%i concurrent gets cost at most 0.1 commands per call', async (count) => {
    const { cache, sent } = cacheOn(emptyServer);
    await Promise.all(Array.from({ length: count }, (_, index) => cache.get(`k${index}`)));
    expect(sent.length / count).toBeLessThanOrEqual(0.1);
    expect(Math.max(...sent.map((words) => words.length - 1))).toBeLessThanOrEqual(128 + 1);
  });

  test('with long keys leave in several commands of bounded size', async () => {
    const { cache, sent } = cacheOn(emptyServer);
    await Promise.all(Array.from({ length: 20 }, (_, index) => cache.get(`${index}${'x'.repeat(10_000)}`)));
    expect(sent.length).toBeGreaterThan(1);
    for (const words of sent) expect(words.join('').length).toBeLessThan(80_000);
  });

  test('leave before a write of a key that one of them names, and else after it', async () => {
    const { cache, sent } = cacheOn(emptyServer);
    await Promise.all([cache.get('a'), cache.get('b'), cache.set('other', 1), cache.set('b', 1), cache.get('b')]);
    expect(names(sent.filter(([name]) => name !== 'PEXPIRE'))).toEqual(['SET', 'SET', 'MGET', 'SET', 'MGET']);
  });

  test.each<[string, (cache: CacheManager) => Promise<unknown>, string]>([
    ['delete', (cache) => cache.delete('x', 'a'), 'UNLINK'],
    ['setMany', (cache) => cache.setMany([['a', 1]]), 'SET'],
    ['setIfAbsent', (cache) => cache.setIfAbsent('a', 1), 'cache.add'],
    ['getAndDelete', (cache) => cache.getAndDelete('a'), 'GETDEL'],
    ['touch', (cache) => cache.touch('a', '1m'), 'GET'],
    ['markStale', (cache) => cache.markStale('a'), 'cache.markStale'],
  ])('leave before a later %s of the key', async (_name, write, command) => {
    const { cache, sent } = cacheOn(emptyServer);
    await Promise.allSettled([cache.get('a'), write(cache)]);
    expect(sent[0]).toContain('ru:cache:{a}');
    expect(names(sent).indexOf(command)).toBeGreaterThan(0);
  });
});

describe('a refused batch', () => {
  test('is asked again key by key, so that one forbidden key fails alone', async () => {
    const { cache, sent } = cacheOn((words) => {
      if (words.includes('ru:cache:{secret}')) throw new ServerError('NOPERM no access', String(words[0]));
      return emptyServer(words);
    });
    const failed: unknown[] = [];
    cache.on('error', ({ operation, key }) => failed.push([operation, key]));
    expect(await Promise.all([cache.get('a'), cache.get('secret'), cache.get('b')])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(names(sent)).toEqual(['MGET', 'GET', 'GET', 'GET', 'GET']);
    expect(failed).toEqual([['get', 'secret']]);
  });

  test('is not asked again when the refusal is about the server', async () => {
    const { cache, sent } = cacheOn(() => {
      throw new ServerError('LOADING dataset', 'MGET');
    });
    await Promise.all([cache.get('a'), cache.get('b')]);
    expect(names(sent)).toEqual(['MGET']);
  });

  test('of another shape is an error of every call in it', async () => {
    const { manager } = stubManager(() => []);
    const cache = new CacheManager(manager, '1m', { onError: 'throw' });
    for (const result of await Promise.allSettled([cache.get('a'), cache.get('b')])) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'RU_BAD_REPLY' } });
    }
  });
});

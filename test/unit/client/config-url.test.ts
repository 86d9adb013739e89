import { describe, expect, it } from 'vitest';

import { RedisConfig, type RedisOptions } from '../../../src/client/index.js';
import { issuesOf, refusal } from './config-issues-of.js';

const SECRET = 'hunter2';
const MASTER = { kind: 'sentinel', master: 'main' };

describe('a URL with several hosts', () => {
  it.each([
    ['redis-cluster://a:7000,b:7001', 'redis-cluster://a:7000,b:7001'],
    ['valkey-cluster://a', 'redis-cluster://a:6379'],
    ['rediss-cluster://u:p@[::1]:7000,[fe80::2],c/0', 'rediss-cluster://[::1]:7000,[fe80::2]:6379,c:6379'],
    ['valkeys-cluster://a/', 'rediss-cluster://a:6379'],
    ['redis-cluster://[fe80::1%25eth0]:7000', 'redis-cluster://[fe80::1%25eth0]:7000'],
    ['REDIS-CLUSTER://A:1', 'redis-cluster://A:1'],
    ['redis-sentinel://a:5000,b/2?master=main', 'redis-sentinel://a:5000,b:26379/2?master=main'],
    ['rediss-sentinel://[::1]?master=main', 'rediss-sentinel://[::1]:26379/0?master=main'],
    ['valkey-sentinel://a?master=a%26b', 'redis-sentinel://a:26379/0?master=a%26b'],
    ['valkeys-sentinel://a/1?master=m', 'rediss-sentinel://a:26379/1?master=m'],
  ])('%s leads to %s', (url, endpoint) => {
    const config = RedisConfig.fromUrl(url);
    expect(config.endpoint).toBe(endpoint);
    expect(RedisConfig.fromUrl(endpoint).target).toEqual(config.target);
  });

  it('gives the addresses one by one', () => {
    expect(RedisConfig.fromUrl('redis-cluster://a:7000,[::1]').target).toEqual({
      kind: 'cluster',
      seeds: [
        { host: 'a', port: 7000 },
        { host: '::1', port: 6379 },
      ],
    });
  });

  it('decodes the credentials of the servers and of the sentinels, in which a plus is a plus', () => {
    const query = 'master=main&sentinelUsername=w%40tch&sentinelPassword=a+b%2Fc%3D';
    const config = RedisConfig.fromUrl(`redis-sentinel://app:p%40ss%2Fw,rd@a,b?${query}`);
    const { username, password, target } = config.settings();
    expect([username, password]).toEqual(['app', 'p@ss/w,rd']);
    expect(target).toMatchObject({ ...MASTER, username: 'w@tch', password: 'a+b/c=' });
  });

  it.each(['redis-cluster://u:p@ss@h', 'redis://u:p@ss@h'])('ends the credentials at the last @: %s', (url) => {
    expect(RedisConfig.fromUrl(url).settings()).toMatchObject({ username: 'u', password: 'p@ss' });
  });

  it('keeps the credentials of sentinels out of the public target and of everything printed', () => {
    const config = RedisConfig.fromUrl(`redis-sentinel://a?master=main&sentinelPassword=${SECRET}`);
    expect(config.target).toEqual({ ...MASTER, sentinels: [{ host: 'a', port: 26_379 }] });
    expect(config.explain()).toContainEqual({ field: 'sentinel.password', value: '***', source: 'url' });
  });

  it.each<[string, RedisOptions]>([
    ['redis-cluster://a,b', { cluster: ['a', 'b'] }],
    ['redis-sentinel://a?master=main', { sentinel: { nodes: ['a'], master: 'main', password: SECRET } }],
  ])('agrees with options that say the same: %s', (url, options) => {
    expect(RedisConfig.fromUrl(url, options).target).toEqual(RedisConfig.from(options).target);
  });

  it.each([
    ['redis-cluster://', 'url'],
    ['redis-cluster://a,', 'url'],
    ['redis-cluster://a/1', 'db'],
    ['redis-cluster://a/x', 'url database'],
    ['redis-cluster://a?master=m', 'url parameters'],
    ['redis-cluster://a#b', 'url'],
    ['redis-cluster://a:0', 'cluster[0] port'],
    ['redis-cluster://a,b:99999', 'cluster[1] port'],
    ['redis-cluster://::1', 'cluster[0]'],
    ['redis-cluster://[::x]', 'cluster[0]'],
    [`redis-cluster://u:1/${SECRET}@h`, 'url'],
    [`redis-sentinel://u:1?master=${SECRET}@h`, 'url'],
    [`redis-cluster://a/${SECRET}`, 'url database'],
    [`redis-cluster://u:${SECRET}/`, 'cluster[0]'],
    [`redis-cluster://u:1?${SECRET}@h`, 'url'],
    ['redis-cluster://u@h', 'password'],
    ['redis-cluster://u:%ff@h', 'url'],
    ['redis-sentinel://a', 'sentinel.master'],
    ['redis-sentinel://a?master=', 'sentinel.master'],
    ['redis-sentinel://a?master=m&master=n', 'url?master'],
    ['redis-sentinel://a?mastr=m', 'url parameters'],
    ['redis-sentinel://a?master=m&sentinelUsername=u', 'sentinel.password'],
    ['redis-sentinel://a/x?master=m', 'url database'],
    ['redis-clutser://a', 'url'],
  ])('refuses %s, naming %s and no secret', (url, option) => {
    expect(issuesOf(() => RedisConfig.fromUrl(url))).toEqual([option]);
    expect(refusal(() => RedisConfig.fromUrl(url)).message).not.toContain(SECRET);
  });

  it('names the nearest parameter and the nearest scheme', () => {
    expect(() => RedisConfig.fromUrl('redis-sentinel://a?mastr=m')).toThrow(/did you mean `master`/);
    expect(() => RedisConfig.fromUrl('redis-clutser://a')).toThrow(/did you mean redis-cluster:/);
    expect(() => RedisConfig.fromUrl(`redis://u:${SECRET}@a:1,b:2`)).toThrow(/several hosts are redis-cluster:/);
  });
});

describe('a URL with one host', () => {
  it.each([
    `redis://u:1?${SECRET}@h`,
    `redis://u:1#${SECRET}@h`,
    `redis://u:1/${SECRET}@h`,
    `redis://h?${SECRET}=1`,
    `${SECRET}://h`,
    `${SECRET}:h`,
    'redis://%ff',
    'memory://u:p@dev',
    'redis+unix://host/path',
  ])('is refused without a part of it when a password was not encoded, or stands in the wrong place: %s', (url) => {
    expect(refusal(() => RedisConfig.fromUrl(url)).message).not.toContain(SECRET);
  });

  it.each(['redis+unix:///run/a%3Fb%23c%20d/%25.sock?db=1', 'memory://a%3Fb/c'])('leads back to itself: %s', (url) => {
    const config = RedisConfig.fromUrl(url);
    expect(RedisConfig.fromUrl(config.endpoint).target).toEqual(config.target);
    expect(config.endpoint).toBe(url);
  });
});

describe('a place', () => {
  it.each<[RedisOptions, string[]]>([
    [{ cluster: ['a'], sentinel: { nodes: ['b'], master: 'm' } }, ['sentinel']],
    [{ socketPath: '/s', cluster: ['a'] }, ['cluster']],
    [{ host: 'a', socketPath: '/s' }, ['socketPath']],
    [{ port: 1, socketPath: '/s' }, ['socketPath']],
    [{ url: 'memory://x', host: 'a' }, ['host']],
    [{ url: 'redis://a', cluster: ['a'] }, ['cluster']],
    [{ cluster: ['a'], db: 1 }, ['db']],
    [{ cluster: ['a:b', 'c:0'], db: 1, pool: { max: 0 } }, ['cluster[0]', 'cluster[1] port', 'db', 'pool.max']],
    [{ cluster: [] }, ['cluster']],
    [{ cluster: 'a' as unknown as string[] }, ['cluster']],
    [{ cluster: ['u:p@a'] }, ['cluster[0]']],
    [{ cluster: [7 as unknown as string] }, ['cluster[0]']],
    [{ sentinel: { nodes: [], master: '' } }, ['sentinel.nodes', 'sentinel.master']],
    [{ sentinel: { nodes: ['a'], master: 'm', name: 'm' } as never }, ['sentinel.name']],
    [{ sentinel: [] as never }, ['sentinel.nodes', 'sentinel.master', 'sentinel']],
    [{ host: 'a,b' }, ['host']],
    [{ host: `u:${SECRET}@h` }, ['host']],
  ])('that is not one place is refused: %j, naming %s', (options, names) => {
    expect(issuesOf(() => RedisConfig.from(options))).toEqual(names);
    expect(refusal(() => RedisConfig.from(options)).message).not.toContain(SECRET);
  });

  it('is replaced as a whole by another, and keeps its credentials', () => {
    const cluster = RedisConfig.fromUrl(`rediss-cluster://u:${SECRET}@a,b`);
    expect(cluster.with({ socketPath: '/s', tls: false }).endpoint).toBe('redis+unix:///s?db=0');
    const moved = cluster.with({ host: 'c', port: 1 });
    expect(moved.endpoint).toBe('rediss://c:1/0');
    expect(moved.settings().password).toBe(SECRET);
    expect(moved.with({ port: 2 }).endpoint).toBe('rediss://c:2/0');
    expect(moved.with({ cluster: ['d'] }).endpoint).toBe('rediss-cluster://d:6379');
    expect(moved.with({ url: 'redis://e' }).settings().password).toBeUndefined();
  });
});

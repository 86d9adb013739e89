import { describe, expect, it } from 'vitest';

import { RedisConfig, RedisManager } from '../../../src/client/index.js';
import { issuesOf, refusal } from './config-issues-of.js';

const SECRET = 'hunter2+/abc=';

describe('a connection string of Azure or StackExchange.Redis', () => {
  it('is read as the portal shows it', () => {
    const text = `name.redis.cache.windows.net:6380,password=${SECRET},ssl=True,abortConnect=False`;
    const config = RedisConfig.fromUrl(text);
    expect(config.endpoint).toBe('rediss://name.redis.cache.windows.net:6380/0');
    expect(config.settings()).toMatchObject({ username: undefined, password: SECRET });
    expect(RedisConfig.fromEnv({ env: { REDIS_URL: text } }).explain()).toContainEqual({
      field: 'password',
      value: '***',
      source: 'REDIS_URL',
    });
  });

  it('sets what its keys mean here, whatever their case', () => {
    const keys = 'USER=app,Password=p,name=svc,defaultDatabase=3,connectTimeout=700,syncTimeout=800,asyncTimeout=900';
    const config = RedisConfig.fromUrl(
      ` h : 1 , ssl = yes , sslHost=n , sslProtocols=tls13,${keys}`.replace(' : ', ':'),
    );
    expect(config.settings()).toMatchObject({
      endpoint: 'rediss://h:1/3',
      username: 'app',
      password: 'p',
      clientName: 'svc',
      connectTimeoutMs: 700,
      commandTimeoutMs: 900,
      tls: { servername: 'n', minVersion: 'TLSv1.3' },
    });
    expect(RedisConfig.fromUrl('h,syncTimeout=800').commandTimeoutMs).toBe(800);
  });

  it('ignores what only concerns the .NET client', () => {
    const ignored = 'abortConnect=x,allowAdmin=1,keepAlive=60,connectRetry=3,tieBreaker=,proxy=None,setlib=False';
    expect(RedisConfig.fromUrl(`h,${ignored},channelPrefix=,checkCertificateRevocation=False,`).endpoint).toBe(
      'redis://h:6379/0',
    );
  });

  it.each([
    ['h,ssl=true', 'rediss://h:6380/0'],
    ['h,ssl=false', 'redis://h:6379/0'],
    ['[::1],password=p', 'redis://[::1]:6379/0'],
    ['a:1,b,password=p', 'redis-cluster://a:1,b:6379'],
    ['a,b,ssl=true', 'rediss-cluster://a:6380,b:6380'],
    ['a,b:1,serviceName=main,ssl=true', 'rediss-sentinel://a:26379,b:1/0?master=main'],
  ])('takes several hosts for a cluster, or for sentinels with a serviceName: %s', (text, endpoint) => {
    expect(RedisConfig.fromUrl(text).endpoint).toBe(endpoint);
  });

  it('gives the sentinels the credentials of the servers, unless they have their own', () => {
    const shared = RedisConfig.fromUrl('a,serviceName=m,user=u,password=p').settings();
    expect(shared).toMatchObject({ password: 'p', target: { username: 'u', password: 'p' } });
    const own = RedisConfig.fromUrl('a,serviceName=m,password=p,sentinelUser=v,sentinelPassword=q').settings();
    expect(own).toMatchObject({ username: undefined, password: 'p', target: { username: 'v', password: 'q' } });
  });

  it('lets options say how its TLS is done', () => {
    const { tls } = RedisConfig.fromUrl('h,ssl=True,sslHost=n', { tls: { caFile: '/ca' } }).settings();
    expect(tls).toMatchObject({ servername: 'n', caFile: '/ca' });
  });

  it.each([
    ['h,pasword=x', ['url part 2'], /did you mean `password`/],
    ['h,$GET=FETCH', ['url part 2'], /renamed commands/],
    ['h,channelPrefix=x,proxy=Twemproxy,tunnel=http:x', ['url part 2', 'url part 3', 'url part 4'], /not supported/],
    ['h,checkCertificateRevocation=true', ['url part 2'], /not supported/],
    ['h,ssl=maybe,defaultDatabase=x,connectTimeout=5s,syncTimeout=-1', undefined, /True or False/],
    ['h,ssl=true,sslProtocols=Tls11', ['url sslProtocols'], /Tls12/],
    ['h,sslHost=n', ['url ssl'], /True beside sslHost/],
    ['h,name=a,name=b', ['url part 3'], /the only `name`/],
    ['password=x', ['url'], /name a host/],
    ['h:0,b:x,password=x', ['url part 1 port'], /65535/],
    ['a,b,defaultDatabase=1', ['db'], /only database of a cluster/],
    ['h,user=u', ['password'], /together with `username`/],
  ])('is refused with all that is wrong in it: %s', (text, options, hint) => {
    const error = refusal(() => RedisConfig.fromUrl(text));
    if (options !== undefined) expect(error.issues.map(({ option }) => option)).toEqual(options);
    else expect(error.issues).toHaveLength(4);
    expect(error.message).toMatch(hint);
  });

  it.each(['h,password=hunter2,hunter3', 'h,password=hunter2,hunter3=1', 'h,password=hunter2,hunter3=1,port=1'])(
    'never takes the rest of a password that has a comma for something else: %s',
    (text) => {
      expect(issuesOf(() => RedisConfig.fromUrl(text))[0]).toBe('url part 3');
      expect(refusal(() => RedisConfig.fromUrl(text)).message).not.toContain('hunter');
    },
  );

  it('is taken wherever a URL is', async () => {
    const refused = RedisManager.connect('a.invalid,b.invalid,password=hunter2');
    await expect(refused).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'unreachable' });
    expect(issuesOf(() => RedisConfig.from({ url: 'localhost:6379' }))).toEqual(['url']);
  });
});

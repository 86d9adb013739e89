import { createClient } from '@redis/client';
import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../src/client/manager.js';
import { EmbeddedRedis, type EmbeddedRedisOptions } from '../../src/testing/embedded/embedded-redis.js';
import { eventually } from '../../src/testing/eventually.js';
import type { FaultOptions } from '../../src/testing/embedded/seeded-faults.js';
import { VirtualClock } from '../../src/embedded/virtual-clock.js';
import { RespConnection } from '../../src/testing/resp-connection.js';
import { afterThisTest } from '../support/cleanup.js';
import { noLeaks } from '../support/no-leaks.js';

noLeaks();

async function start(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
  const redis = await EmbeddedRedis.start(options);
  afterThisTest(() => redis.stop());
  return redis;
}

function dial(redis: EmbeddedRedis): Promise<RespConnection> {
  return RespConnection.connect({ port: redis.port, host: '127.0.0.1' });
}

describe('in the process', () => {
  test('each has data of its own, which go with stop', async () => {
    const [one, two] = [await start(), await start()];
    expect(one.url).toMatch(/^memory:\/\/testing-/);
    const manager = await RedisManager.connect(one.url);
    await manager.command(['SET', 'k', 'v']);
    const other = await RedisManager.connect(two.url);
    expect(await other.command(['GET', 'k'])).toBeNull();
    one.flush();
    expect(await manager.command(['DBSIZE'])).toBe(0);
    await Promise.all([manager.close(), other.close()]);
  });

  test('a virtual clock moves expiry over the listener', async () => {
    const redis = await start({ clock: new VirtualClock(), listen: 'tcp' });
    const connection = await dial(redis);
    await connection.send(['SET', 'k', 'v', 'EX', 86_400]);
    await redis.advance('23h');
    expect(await connection.send(['TTL', 'k'])).toBe(3600);
    await redis.advance('2h');
    expect(await connection.send(['EXISTS', 'k'])).toBe(0);
    const popped = connection.send(['BLPOP', 'queue', 30]);
    const witness = await dial(redis);
    await eventually(async () => String(await witness.send(['INFO', 'clients'])).includes('blocked_clients:1'));
    await redis.advance('31s');
    expect(await popped).toBeNull();
    connection.close();
  });

  test('one engine serves listener and library alike', async () => {
    const redis = await start({ listen: 'tcp' });
    const [manager, connection] = [await RedisManager.connect(redis.memoryUrl), await dial(redis)];
    await manager.command(['SET', 'k', 'v']);
    expect(String(await connection.send(['GET', 'k']))).toBe('v');
    const popped = connection.send(['BLPOP', 'queue', 0]);
    await manager.command(['RPUSH', 'queue', 'job']);
    expect(String(await popped)).toBe('queue,job');
    connection.close();
    await manager.close();
  });
});

describe('a password', () => {
  test('is asked for, and its user name', async () => {
    const redis = await start({ listen: 'tcp', username: 'app', password: 'right' });
    const connection = await dial(redis);
    await expect(connection.send(['GET', 'k'])).rejects.toThrow('NOAUTH');
    await expect(connection.send(['HELLO', '3'])).rejects.toThrow('NOAUTH');
    await expect(connection.send(['AUTH', 'right'])).rejects.toThrow('WRONGPASS');
    await expect(connection.send(['AUTH', 'app', 'wrong'])).rejects.toThrow('WRONGPASS');
    expect(await connection.send(['AUTH', 'app', 'right'])).toBe('OK');
    expect(await connection.send(['GET', 'k'])).toBeNull();
    await connection.send(['RESET']);
    await expect(connection.send(['GET', 'k'])).rejects.toThrow('NOAUTH');
    connection.close();
  });

  test('lets a client in that has it', async () => {
    const redis = await start({ listen: 'tcp', password: 'right' });
    const client = createClient({ url: redis.url, password: 'right' });
    await client.connect();
    expect(await client.set('k', 'v')).toBe('OK');
    await client.close();
    await expect(RedisManager.connect({ url: redis.url, password: 'wrong' })).rejects.toMatchObject({ reason: 'auth' });
  });
});

/** What became of 200 commands, each on a connection that is made again when it was lost. */
async function outcomes(faults: FaultOptions): Promise<string[]> {
  const redis = await start({ clock: new VirtualClock(), listen: 'tcp', faults });
  let connection = await dial(redis);
  const results: string[] = [];
  for (let n = 0; n < 200; n += 1) {
    try {
      results.push(String(await connection.send(['INCR', 'n'])));
    } catch (error) {
      results.push((error as Error).message);
      if (/closed|ECONNRESET/.test((error as Error).message)) {
        results[n] = 'lost';
        connection = await dial(redis);
      }
    }
  }
  connection.close();
  await redis.stop();
  return results;
}

describe('seeded faults', () => {
  const mixed = { error: 0.1, lostReply: 0.1, drop: 0.1 };

  test('are the same for the same seed, and others for another', async () => {
    const first = await outcomes({ ...mixed, seed: 42 });
    expect(await outcomes({ ...mixed, seed: 42 })).toEqual(first);
    expect(await outcomes({ ...mixed, seed: 43 })).not.toEqual(first);
    expect(new Set(first.map((result) => result.replace(/\d+/, 'N').slice(0, 4)))).toEqual(
      new Set(['N', 'lost', 'LOAD', 'BUSY', 'OOM ', 'READ']),
    );
  });

  test('a lost reply has run, a dropped command and a refused one have not', async () => {
    const counts = async (faults: FaultOptions): Promise<unknown> => {
      const redis = await start({ listen: 'tcp', faults });
      const connection = await dial(redis);
      await expect(connection.send(['INCR', 'n'])).rejects.toThrow();
      expect(redis.injected).toHaveLength(1);
      redis.heal();
      expect(redis.injected).toHaveLength(1);
      const after = await dial(redis);
      const count = await after.send(['GET', 'n']);
      after.close();
      connection.close();
      return count === null ? null : String(count);
    };
    expect(await counts({ lostReply: 1 })).toBe('1');
    expect(await counts({ drop: 1 })).toBeNull();
    expect(await counts({ error: 1 })).toBeNull();
  });

  test('a late reply waits for the clock, and what follows waits for it', async () => {
    const clock = new VirtualClock();
    const redis = await start({ clock, listen: 'tcp', faults: { delay: 1, delayUpTo: '1m', commands: ['SET'] } });
    const connection = await dial(redis);
    const order: string[] = [];
    const late = connection.send(['SET', 'k', 'v']).then(() => order.push('SET'));
    const after = connection.send(['GET', 'k']).then(() => order.push('GET'));
    const other = await dial(redis);
    expect(String(await other.send(['GET', 'k']))).toBe('v');
    expect(order).toEqual([]);
    await redis.advance('1m');
    await Promise.all([late, after]);
    expect(order).toEqual(['SET', 'GET']);
    connection.close();
    other.close();
  });

  test('a late reply of a connection that is gone leaves no timer', async () => {
    const redis = await start({ listen: 'tcp', faults: { delay: 1, delayUpTo: '1h', commands: ['SET'] } });
    const connection = await dial(redis);
    const late = connection.send(['SET', 'k', 'v']);
    const other = await dial(redis);
    await other.send(['GET', 'k']);
    connection.close();
    await expect(late).rejects.toThrow();
    other.close();
  });

  test('a refused command breaks its transaction, a refused EXEC ends it', async () => {
    const redis = await start({ listen: 'tcp' });
    const connection = await dial(redis);
    const run = async (words: string): Promise<unknown> =>
      connection.send(words.split(' ')).catch((error: Error) => error.message.split(' ')[0]);
    redis.inject({ error: 1, commands: ['INCR'] });
    expect([await run('MULTI'), await run('SET k v')]).toEqual(['OK', 'QUEUED']);
    expect(['LOADING', 'BUSY', 'OOM', 'READONLY']).toContain(await run('INCR n'));
    expect(await run('EXEC')).toBe('EXECABORT');
    redis.inject({ error: 1, errorReplies: ['LOADING soon'], commands: ['EXEC'] });
    expect([await run('MULTI'), await run('SET k v'), await run('EXEC')]).toEqual(['OK', 'QUEUED', 'EXECABORT']);
    redis.heal();
    expect([await run('GET k'), await run('EXEC')]).toEqual([null, 'ERR']);
    connection.close();
  });

  test('reach this library in the process, as it would see them from a server', async () => {
    const redis = await start({ faults: { error: 1, errorReplies: ['OOM no more'], commands: ['SET'] } });
    const manager = await RedisManager.connect(redis.url);
    await expect(manager.command(['SET', 'k', 'v'])).rejects.toMatchObject({ replyCode: 'OOM' });
    redis.inject({ lostReply: 1, commands: ['INCR'] });
    await using lease = await manager.lease();
    await expect(lease.command(['INCR', 'n'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
    expect(await manager.command(['GET', 'n'])).toBe('1');
    await manager.close();
  });

  test('options are checked', async () => {
    await expect(EmbeddedRedis.start({ faults: { error: 0.6, drop: 0.6 } })).rejects.toThrow('at most 1 together');
    await expect(EmbeddedRedis.start({ faults: { eror: 1 } as object })).rejects.toThrow('did you mean `error`');
    await expect(EmbeddedRedis.start({ listen: 'udp' as 'tcp' })).rejects.toThrow("'tcp' or 'unix'");
  });
});

test('loses the connection of a manager in the process as well, which gets another one', async () => {
  const redis = await EmbeddedRedis.start({ listen: false, faults: { seed: 1, drop: 1, commands: ['INCR'] } });
  afterThisTest(() => redis.stop());
  const manager = await RedisManager.connect(redis.memoryUrl);
  afterThisTest(async () => void (await manager.close()));
  await expect(manager.command(['INCR', 'n'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
  redis.heal();
  await eventually(() => manager.state === 'ready');
  expect(await manager.command(['INCR', 'n'])).toBe(1);
});

import { describe, expect, it } from 'vitest';
import { request } from '../../../src/client/request.js';
import { ConnectionError } from '../../../src/core/errors.js';
import { EmbeddedDriver, EmbeddedRedis, VirtualClock } from '../../../src/embedded/index.js';
import { start } from './session.js';

describe('expiry', () => {
  it('a key lives through the millisecond of its expiry and is gone in the next', async () => {
    const { run, redis } = await start();
    await run('SET', 'k', 'v', 'PX', 1000);
    await redis.advance(1000);
    expect(await run('GET', 'k')).toBe('v');
    expect(await run('PTTL', 'k')).toBe(0);
    await redis.advance(1);
    expect(await run('GET', 'k')).toBeNull();
    expect(await run('PTTL', 'k')).toBe(-2);
  });

  it('an expired key is counted and listed nowhere', async () => {
    const { run, redis } = await start();
    await run('SET', 'gone', 'v', 'EX', 1);
    await run('SET', 'here', 'v');
    await redis.advance('2s');
    expect(await run('DBSIZE')).toBe(1);
    expect(await run('KEYS', '*')).toEqual(['here']);
    expect(await run('SCAN', 0)).toEqual(['0', ['here']]);
    expect(await run('RANDOMKEY')).toBe('here');
  });

  it('TIME follows the clock and stands still within a script', async () => {
    const { run, lua, clock } = await start();
    await clock.advance('1500ms');
    const expected = [String(Math.floor(clock.wallMs() / 1000)), '500000'];
    expect(await run('TIME')).toEqual(expected);
    const times = await lua("local a = redis.call('TIME') for i = 1, 1e5 do end return {a[2], redis.call('TIME')[2]}");
    expect(times).toEqual(['500000', '500000']);
  });
});

describe('scanning', () => {
  it('gives every key that stays exactly once, while others come and go', async () => {
    const { run } = await start();
    for (let index = 0; index < 100; index += 1) await run('SET', `stay${index}`, '');
    const seen: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = (await run('SCAN', cursor, 'COUNT', 7, 'MATCH', 'stay*')) as [string, string[]];
      seen.push(...keys);
      cursor = next;
      await run('SET', `new${cursor}`, '');
      await run('DEL', 'new7');
      await run('SCAN', 0, 'COUNT', 3);
    } while (cursor !== '0');
    expect(seen.toSorted()).toEqual(Array.from({ length: 100 }, (_, index) => `stay${index}`).toSorted());
  });
});

describe('errors', () => {
  it('are those of a server', async () => {
    const { run } = await start();
    await run('SET', 's', 'text');
    expect(await run('NOPE', 'a')).toContain("ERR unknown command 'NOPE'");
    expect(await run('GET')).toContain("ERR wrong number of arguments for 'get' command");
    expect(await run('HGET', 's', 'f')).toContain('WRONGTYPE');
    expect(await run('INCR', 's')).toContain('ERR value is not an integer or out of range');
    expect(await run('SET', 'k', 'v', 'NX', 'XX')).toContain('ERR syntax error');
    expect(await run('SELECT', 99)).toContain('ERR');
    expect(await run('EVALSHA', 'f'.repeat(40), 0)).toContain('NOSCRIPT');
  });
});

describe('values', () => {
  it('do not alias buffers of the caller', async () => {
    const { driver } = await start();
    const value = Buffer.from([1, 2, 255]);
    await request(driver, ['SET', 'k', value], 'text');
    value.fill(0);
    const first = (await request(driver, ['GET', 'k'], 'bytes')) as Buffer;
    expect(first).toEqual(Buffer.from([1, 2, 255]));
    first.fill(0);
    expect(await request(driver, ['GET', 'k'], 'bytes')).toEqual(Buffer.from([1, 2, 255]));
  });

  it('count exactly beyond 2^53', async () => {
    const { run } = await start();
    await run('SET', 'n', '9223372036854775806');
    await run('INCR', 'n');
    expect(await run('GET', 'n')).toBe('9223372036854775807');
    expect(await run('INCR', 'n')).toContain('overflow');
  });
});

describe('transactions', () => {
  it('an error in one command leaves the others done', async () => {
    const { driver } = await start();
    const sent = ['MULTI', 'SET k 5', 'HGET k f', 'INCR k', 'EXEC'].map((line) =>
      request(driver, line.split(' '), 'text'),
    );
    const replies = (await Promise.all(sent)).at(-1) as unknown[];
    expect(replies[0]).toBe('OK');
    expect(replies[1]).toMatchObject({ replyCode: 'WRONGTYPE' });
    expect(replies[2]).toBe(6);
  });

  it('EXEC gives null when a watched key was changed, deleted or expired by then', async () => {
    for (const change of [['SET', 'k', '2'], ['DEL', 'k'], undefined] as const) {
      const { run, open, redis } = await start();
      await run('SET', 'k', '1', 'PX', 50);
      const connection = await open();
      await request(connection, ['WATCH', 'k'], 'text');
      if (change === undefined) await redis.advance(51);
      else await run(...change);
      await request(connection, ['MULTI'], 'text');
      await request(connection, ['SET', 'k', '3'], 'text');
      expect(await request(connection, ['EXEC'], 'text')).toBeNull();
    }
  });

  it('belong to their connection', async () => {
    const { run, open } = await start();
    const connection = await open();
    await request(connection, ['MULTI'], 'text');
    expect(await request(connection, ['SET', 'k', 'v'], 'text')).toBe('QUEUED');
    expect(await run('GET', 'k')).toBeNull();
    await request(connection, ['EXEC'], 'text');
    expect(await run('GET', 'k')).toBe('v');
  });
});

describe('blocking pops', () => {
  it('serve the longest waiter first, and let later commands of a connection wait', async () => {
    const { run, open } = await start();
    const [a, b] = [await open(), await open()];
    const order: string[] = [];
    const first = request(a, ['BLPOP', 'q', '0'], 'text').then((reply) => order.push(`a:${String(reply)}`));
    const after = request(a, ['PING'], 'text').then(() => order.push('a:ping'));
    const second = request(b, ['BRPOP', 'x', 'q', '0'], 'text').then((reply) => order.push(`b:${String(reply)}`));
    expect(await run('RPUSH', 'q', '1', '2')).toBe(2);
    await Promise.all([first, after, second]);
    expect(order.toSorted()).toEqual(['a:ping', 'a:q,1', 'b:q,2']);
    expect(order.indexOf('a:q,1')).toBeLessThan(order.indexOf('a:ping'));
    expect(await run('EXISTS', 'q')).toBe(0);
  });

  it('give null after their timeout on the virtual clock', async () => {
    const { open, redis } = await start();
    const connection = await open();
    const reply = request(connection, ['BLPOP', 'q', '1.5'], 'text');
    await redis.advance('2s');
    expect(await reply).toBeNull();
  });

  it('reject with outcome unknown when their connection ends', async () => {
    const { open, run } = await start();
    const connection = await open();
    const reply = request(connection, ['BLPOP', 'q', '0'], 'text');
    connection.destroy();
    await expect(reply).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
    await expect(request(connection, ['PING'], 'text')).rejects.toMatchObject({ outcome: 'not-sent' });
    await run('RPUSH', 'q', 'kept');
    expect(await run('LLEN', 'q')).toBe(1);
  });
});

describe('publish and subscribe', () => {
  it('delivers to channels and patterns, in order, with the count of receivers', async () => {
    const { run, open } = await start();
    const connection = await open();
    const got: string[] = [];
    const done = new Promise<void>((resolve) => {
      connection.onMessage = ({ kind, name, channel, payload }) => {
        got.push(`${kind} ${name} ${channel} ${payload.toString()}`);
        if (got.length === 3) resolve();
      };
    });
    await connection.subscribe('channel', 'news.é');
    await connection.subscribe('pattern', 'news.*');
    expect(await run('PUBLISH', 'news.é', 'one')).toBe(2);
    expect(await run('PUBLISH', 'news.b', 'two')).toBe(1);
    await done;
    expect(got).toEqual(['channel news.é news.é one', 'pattern news.* news.é one', 'pattern news.* news.b two']);
    expect(await run('PUBSUB', 'CHANNELS')).toEqual(['news.é']);
    expect(await run('PUBSUB', 'NUMPAT')).toBe(1);
    await connection.unsubscribe('channel', 'news.é');
    expect(await run('PUBSUB', 'NUMSUB', 'news.é')).toEqual(['news.é', 0]);
    connection.destroy();
    expect(await run('PUBLISH', 'news.b', 'x')).toBe(0);
  });
});

describe('engines', () => {
  it('of one name are one engine, and refuse another clock', async () => {
    const clock = new VirtualClock();
    const redis = EmbeddedRedis.named('unit-engines', { clock });
    expect(EmbeddedRedis.named('unit-engines')).toBe(redis);
    expect(() => EmbeddedRedis.named('unit-engines', { clock: new VirtualClock() })).toThrow(/embedded.clock/);
    expect(() => new EmbeddedRedis().advance(1)).toThrow(/VirtualClock/);
  });

  it('have 16 databases', async () => {
    const redis = new EmbeddedRedis();
    const driver = new EmbeddedDriver(redis, { database: 3 });
    await driver.connect(undefined);
    await request(driver, ['SET', 'k', 'v'], 'text');
    const other = new EmbeddedDriver(redis);
    await other.connect(undefined);
    expect(await request(other, ['GET', 'k'], 'text')).toBeNull();
    await expect(new EmbeddedDriver(redis, { database: 16 }).connect(undefined)).rejects.toBeInstanceOf(
      ConnectionError,
    );
  });

  it('let timers have their turn while a loop awaits one command after another', async () => {
    const { driver } = await start();
    let fired = false;
    setImmediate(() => {
      fired = true;
    });
    let count = 0;
    for (; !fired && count < 1_000_000; count += 1) await request(driver, ['PING'], 'text');
    expect(fired).toBe(true);
  });
});

describe('the virtual clock', () => {
  it('fires timers in order and lets their promises run before time moves on', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.timer(30, () => fired.push(`b@${clock.monotonicMs()}`));
    clock.timer(10, () => {
      void Promise.resolve().then(() => clock.timer(5, () => fired.push(`c@${clock.monotonicMs()}`)));
    });
    clock.timer(20, () => fired.push('never')).cancel();
    await clock.advance(100);
    expect(fired).toEqual(['c@15', 'b@30']);
    expect(clock.monotonicMs()).toBe(100);
  });
});

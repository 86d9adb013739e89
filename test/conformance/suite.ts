import { describe, expect, it } from 'vitest';

import type { Connection, Driver, IncomingMessage } from '../../src/client/driver.js';
import { request } from '../../src/client/request.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { uniquePrefix } from '../support/target.js';

/** The contract of the driver port (`src/client/driver.ts`). @param open a driver that is not connected yet */
export function conformance(open: () => Promise<Driver>): void {
  async function newDriver(): Promise<Driver> {
    const driver = await open();
    afterThisTest(() => driver.destroy());
    await driver.connect(undefined);
    return driver;
  }

  /** A key of a slot of its own, to which all that is derived from it belongs too. */
  function uniqueKey(): string {
    return `{${uniquePrefix()}}`;
  }

  /** @param key one that the connection is to be used for */
  async function newConnection(key?: string): Promise<Connection> {
    const driver = await newDriver();
    const node = key === undefined ? undefined : driver.nodeOf?.(key);
    const connection = await driver.open(undefined, node === undefined ? undefined : { node });
    afterThisTest(() => connection.destroy());
    return connection;
  }

  describe('replies', () => {
    it('keep the order of the commands of one tick', async () => {
      const driver = await newDriver();
      const k = uniqueKey();
      const order: number[] = [];
      const replies = Array.from({ length: 300 }, (_, index) =>
        request(driver, ['RPUSH', k, String(index)], 'text').then((length) => order.push(length as number)),
      );
      await Promise.all(replies);
      expect(order).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
      expect(await request(driver, ['LRANGE', k, '0', '2'], 'text')).toEqual(['0', '1', '2']);
      await request(driver, ['DEL', k], 'text');
    });

    it('come in the shapes of the port', async () => {
      const driver = await newDriver();
      const k = uniqueKey();
      const bytes = Buffer.from([0, 200, 10, 13]);
      expect(await request(driver, ['SET', k, bytes, 'PX', '60000'], 'text')).toBe('OK');
      expect(await request(driver, ['SET', k, bytes, 'PX', '60000'], 'bytes')).toEqual(Buffer.from('OK'));
      expect(await request(driver, ['GET', k], 'bytes')).toEqual(bytes);
      expect(await request(driver, ['GET', `${k}:none`], 'bytes')).toBeNull();
      expect(await request(driver, ['MGET', k, `${k}:none`], 'bytes')).toEqual([bytes, null]);
      expect(await request(driver, ['PTTL', k], 'text')).toBeTypeOf('number');
      await request(driver, ['HSET', `${k}:h`, 'f', bytes], 'text');
      await request(driver, ['ZADD', `${k}:z`, '1.5', 'm'], 'text');
      const map = await request(driver, ['HGETALL', `${k}:h`], 'bytes');
      const score = await request(driver, ['ZSCORE', `${k}:z`, 'm'], 'text');
      if (driver.capabilities?.resp3 === false) {
        expect(map).toEqual([Buffer.from('f'), bytes]);
        expect(score).toBe('1.5');
      } else {
        expect(Object.getPrototypeOf(map)).toBeNull();
        expect(map).toEqual(Object.assign(Object.create(null), { f: bytes }));
        expect(score).toBe(1.5);
      }
      expect(await request(driver, ['SMEMBERS', `${k}:none`], 'text')).toEqual([]);
      await request(driver, ['DEL', k, `${k}:h`, `${k}:z`], 'text');
    });

    it('of a script are integers cut toward zero, text, null for false, and lists up to the first nil', async () => {
      const driver = await newDriver();
      const lua = `return {3.99, -3.99, 'x', false, {1, 'y'}, true, nil, 5}`;
      expect(await request(driver, ['EVAL', lua, '0'], 'text')).toEqual([3, -3, 'x', null, [1, 'y'], 1]);
      expect(await request(driver, ['EVAL', `return redis.status_reply('FINE')`, '0'], 'text')).toBe('FINE');
    });

    it('of TIME rise, with microseconds that tell two calls of one millisecond apart', async () => {
      const driver = await newDriver();
      const micros: number[] = [];
      for (let call = 0; call < 100; call += 1) {
        const [seconds, part] = (await request(driver, ['TIME'], 'text')) as [string, string];
        micros.push(Number(seconds) * 1_000_000 + Number(part));
      }
      expect(micros).toEqual(micros.toSorted((a, b) => a - b));
      expect(micros.some((time) => time % 1_000 !== 0)).toBe(true);
    });

    it('that are errors reject as ServerError with their first word, and hold up nobody', async () => {
      const driver = await newDriver();
      const k = uniqueKey();
      const [set, wrong, unknown, fromScript, after] = await Promise.allSettled([
        request(driver, ['SET', k, 'x', 'PX', '60000'], 'text'),
        request(driver, ['LPUSH', k, 'x'], 'text'),
        request(driver, ['NOSUCHCOMMAND', 'x'], 'text'),
        request(driver, ['EVAL', `return redis.error_reply('MINE own words')`, '0'], 'text'),
        request(driver, ['GET', k], 'text'),
      ]);
      expect(set).toMatchObject({ status: 'fulfilled', value: 'OK' });
      expect(wrong).toMatchObject({ reason: { code: 'RU_SERVER', replyCode: 'WRONGTYPE', command: 'LPUSH' } });
      expect(unknown).toMatchObject({ reason: { code: 'RU_SERVER', replyCode: 'ERR' } });
      expect(fromScript).toMatchObject({ reason: { code: 'RU_SERVER', replyCode: 'MINE' } });
      expect(after).toMatchObject({ status: 'fulfilled', value: 'x' });
      await expect(request(driver, ['EVALSHA', '0'.repeat(40), '0'], 'text')).rejects.toMatchObject({
        replyCode: 'NOSCRIPT',
      });
    });
  });

  describe('a dedicated connection', () => {
    it('has a transaction of its own, whose failed commands are error values in the result', async () => {
      const k = uniqueKey();
      const connection = await newConnection(k);
      const other = await newConnection(k);
      expect(await request(connection, ['MULTI'], 'text')).toBe('OK');
      expect(await request(connection, ['SET', k, '1', 'PX', '60000'], 'text')).toBe('QUEUED');
      expect(await request(connection, ['LPUSH', k, 'x'], 'text')).toBe('QUEUED');
      expect(await request(other, ['GET', k], 'text')).toBeNull();
      const results = (await request(connection, ['EXEC'], 'text')) as unknown[];
      expect(results[0]).toBe('OK');
      expect(results[1]).toMatchObject({ code: 'RU_SERVER', replyCode: 'WRONGTYPE' });
    });

    it('sees a watched key change', async () => {
      const k = uniqueKey();
      const connection = await newConnection(k);
      const other = await newConnection(k);
      await request(connection, ['WATCH', k], 'text');
      await request(other, ['SET', k, 'x', 'PX', '60000'], 'text');
      await request(connection, ['MULTI'], 'text');
      await request(connection, ['SET', k, 'mine'], 'text');
      expect(await request(connection, ['EXEC'], 'text')).toBeNull();
      expect(await request(other, ['GET', k], 'text')).toBe('x');
    });

    it('waits in a blocking command without holding up others', async () => {
      const k = uniqueKey();
      const connection = await newConnection(k);
      const other = await newConnection(k);
      const popped = request(connection, ['BLPOP', k, '0'], 'text');
      expect(await request(other, ['RPUSH', k, 'x'], 'text')).toBe(1);
      expect(await popped).toEqual([k, 'x']);
    });

    it('tells once that it has ended, rejects what is in flight as unknown and what comes after as not sent', async () => {
      const k = uniqueKey();
      const connection = await newConnection(k);
      const ends: Error[] = [];
      connection.onEnd = (cause) => ends.push(cause);
      const blocked = request(connection, ['BLPOP', k, '0'], 'text');
      const failed = expect(blocked).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
      await new Promise(setImmediate);
      connection.destroy();
      connection.destroy();
      await failed;
      expect(connection.alive).toBe(false);
      expect(ends).toHaveLength(1);
      await expect(request(connection, ['PING'], 'text')).rejects.toMatchObject({ outcome: 'not-sent' });
    });

    it('does not open for a signal that has aborted', async () => {
      const driver = await newDriver();
      await expect(driver.open(AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    });
  });

  describe('subscriptions', () => {
    it('deliver from the acknowledgement on, in order, as bytes, by channel and by pattern, until they are ended', async () => {
      const connection = await newConnection();
      const publisher = await newConnection();
      const channel = uniquePrefix();
      const messages: IncomingMessage[] = [];
      connection.onMessage = (message) => messages.push(message);
      await connection.subscribe('channel', channel);
      await connection.subscribe('pattern', `${channel}*`);
      const payloads = [Buffer.from([0, 255]), Buffer.from(''), Buffer.from('third')];
      for (const payload of payloads) expect(await request(publisher, ['PUBLISH', channel, payload], 'text')).toBe(2);
      await eventually(() => messages.length === 6);
      const by = (kind: string): IncomingMessage[] => messages.filter((message) => message.kind === kind);
      expect(by('channel').map(({ payload }) => payload)).toEqual(payloads);
      expect(by('pattern').map(({ payload }) => payload)).toEqual(payloads);
      expect(by('pattern')[0]).toMatchObject({ name: `${channel}*`, channel });
      await connection.unsubscribe('channel', channel);
      await connection.unsubscribe('pattern', `${channel}*`);
      expect(await request(publisher, ['PUBLISH', channel, 'x'], 'text')).toBe(0);
    });

    it('of many channels in one tick are each acknowledged', async () => {
      const connection = await newConnection();
      const publisher = await newConnection();
      const root = uniquePrefix();
      const names = Array.from({ length: 200 }, (_, index) => `${root}:${index}`);
      await Promise.all(names.map((name) => connection.subscribe('channel', name)));
      const receivers = await Promise.all(names.map((name) => request(publisher, ['PUBLISH', name, 'x'], 'text')));
      expect(new Set(receivers)).toEqual(new Set([1]));
    });
  });

  describe('news of changed keys', () => {
    type News = readonly string[] | undefined;

    /** A connection that tracks a prefix in the slot of a key, another one to the same node, and what is told. */
    async function tracking(): Promise<
      { connection: Connection; other: Connection; k: string; news: News[] } | undefined
    > {
      const k = uniqueKey();
      const [connection, other] = [await newConnection(k), await newConnection(k)];
      const news: News[] = [];
      connection.onInvalidate = (keys) => news.push(keys);
      await connection.trackInvalidations?.(`${k}:`);
      return connection.trackInvalidations === undefined ? undefined : { connection, other, k, news };
    }

    function keysIn(news: readonly News[]): readonly string[] {
      return [...new Set(news.flatMap((keys) => keys ?? []))].toSorted();
    }

    it('is there unless the driver says that it is not', async () => {
      const driver = await newDriver();
      expect((await tracking()) === undefined).toBe(driver.capabilities?.invalidations === false);
    });

    it('tells of keys with the prefix that were changed, removed or found expired, and of no others', async () => {
      const made = await tracking();
      if (made === undefined) return;
      const { other, k, news } = made;
      await request(other, ['SET', `${k}-other`, 'x', 'PX', '60000']);
      await request(other, ['SET', `${k}:a`, 'x', 'PX', '60000']);
      await request(other, ['EVAL', `return redis.call('HSET', KEYS[1], 'f', 'v')`, '1', `${k}:b`]);
      await eventually(() => keysIn(news).length === 2);
      expect(keysIn(news)).toEqual([`${k}:a`, `${k}:b`]);
      news.length = 0;
      await request(other, ['DEL', `${k}:b`]);
      await request(other, ['PEXPIRE', `${k}:a`, '1']);
      await eventually(() => keysIn(news).length === 2);
      const told = (): number => news.filter((keys) => keys?.includes(`${k}:c`) === true).length;
      await request(other, ['SET', `${k}:c`, 'x', 'PX', '20']);
      await eventually(() => told() === 1);
      await eventually(async () => (await request(other, ['GET', `${k}:c`])) === null);
      await eventually(() => told() === 2);
    });

    it('tells of what the connection itself changes, and of all that one transaction changes', async () => {
      const made = await tracking();
      if (made === undefined) return;
      const { connection, k, news } = made;
      await request(connection, ['MULTI']);
      for (const part of ['b', 'a', 'b']) await request(connection, ['SET', `${k}:${part}`, 'x', 'PX', '60000']);
      await request(connection, ['EXEC']);
      await eventually(() => news.length > 0);
      expect(news).toEqual([[`${k}:a`, `${k}:b`]]);
    });

    it('tells of a change before the second answer after it', async () => {
      const made = await tracking();
      if (made === undefined) return;
      const { connection, other, k, news } = made;
      for (let round = 1; round <= 50; round += 1) {
        await request(other, ['SET', `${k}:a`, String(round), 'PX', '60000']);
        await request(connection, ['PING']);
        await new Promise(setImmediate);
        await request(connection, ['PING']);
        expect(news).toHaveLength(round);
      }
    });

    it('tells of a flush as of all keys', async () => {
      const made = await tracking();
      if (made === undefined) return;
      await request(made.other, ['FLUSHDB']);
      await eventually(() => made.news.length > 0);
      expect(made.news[0]).toBeUndefined();
    });

    it('refuses a prefix that overlaps with the one that is tracked', async () => {
      const made = await tracking();
      const refused = made?.connection.trackInvalidations?.(made.k);
      if (refused !== undefined) await expect(refused).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'ERR' });
    });

    it('can be had from every primary by its name', async () => {
      const driver = await newDriver();
      for (const node of driver.primaries?.() ?? []) {
        const connection = await driver.open(undefined, { node });
        expect(await request(connection, ['HELLO'])).toMatchObject({ role: 'master' });
        connection.destroy();
      }
    });
  });

  describe('the main connection', () => {
    it('is gone after destroy: commands fail at once as not sent', async () => {
      const driver = await newDriver();
      driver.destroy();
      await expect(request(driver, ['PING'], 'text')).rejects.toMatchObject({
        code: 'RU_CONNECTION',
        outcome: 'not-sent',
      });
    });

    it('names its endpoint without credentials', async () => {
      const driver = await newDriver();
      expect(driver.endpoint).toMatch(/^(redis\+unix|redis-cluster|redis-sentinel|memory):\/\/[^@]+$/);
    });
  });
}

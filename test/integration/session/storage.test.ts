import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import type { RedisManager } from '../../../src/client/index.js';
import { CodecError } from '../../../src/codec/index.js';
import { ServerError } from '../../../src/core/errors.js';
import { SessionManager } from '../../../src/session/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, rawOnEachNode } from '../../support/target.js';

noLeaks();

const PEPPER = '11'.repeat(32);

function keyOf(redis: RedisManager, id: string): string {
  return `${redis.config.prefix}:session:{${createHash('sha256').update(id).digest('base64url')}}`;
}

it('a session is one hash under the SHA-256 of its id, with the fields of the wire document', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const id = await sessions.createSession({ name: 'Ada' }, { idle: '10m', absolute: '1h' }, { userId: 'u1' });
  const fields = await redis.command<Record<string, string>>(['HGETALL', keyOf(redis, id)]);
  expect(Object.keys(fields).sort()).toEqual(['a', 'd', 'm', 's']);
  const [layout, created, deadline, idle, userTag] = fields['m']?.split(' ') ?? [];
  const [revision, expires, seen] = fields['s']?.split(' ') ?? [];
  expect({ layout, idle, revision }).toEqual({ layout: '1', idle: '600000', revision: '1' });
  expect(Number(deadline)).toBe(Number(created) + 3_600_000);
  expect(Number(expires)).toBe(Number(seen) + 600_000);
  expect(userTag).toBe(createHash('sha256').update('user:u1').digest('base64url'));
});

async function storedExpiry(redis: RedisManager, key: string): Promise<number> {
  return Number((await redis.command<string>(['HGET', key, 's'])).split(' ')[1]);
}

it('every write leaves an expiry that equals the stored one', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const id = await sessions.createSession({}, { idle: '10m', absolute: '1h' });
  const key = keyOf(redis, id);
  const steps = [
    () => Promise.resolve(),
    () => sessions.updateSession(id, { a: 1 }),
    () => sessions.extendSession(id, '20m'),
    () => sessions.extendSession(id, '9d'),
    () => sessions.updateSession(id, { a: 2 }),
  ];
  for (const step of steps) {
    await step();
    expect(await redis.command(['PEXPIRETIME', key])).toBe(await storedExpiry(redis, key));
  }
});

it('a pepper changes every hash, and takes 32 bytes only', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis, { pepper: PEPPER });
  const id = await sessions.createSession({ a: 1 }, '1h', { userId: 'u1' });
  expect(await sessions.getSession(id)).toEqual({ a: 1 });
  expect(await redis.command(['EXISTS', keyOf(redis, id)])).toBe(0);
  expect(await new SessionManager(redis).getSession(id)).toBeUndefined();
  expect(await new SessionManager(redis, { pepper: '22'.repeat(32) }).getSession(id)).toBeUndefined();
  expect(() => new SessionManager(redis, { pepper: 'short' })).toThrow(/session\.pepper/);
});

it('a lone read is one HMGET, a hundred of one tick are one script call, and a busy session is not written', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => sessions.createSession({ n })));
  const stateOf = (id = ''): Promise<string> => redis.command(['HGET', keyOf(redis, id), 's']);
  const states = await Promise.all(ids.map(stateOf));
  const { command } = redis;
  let commands = 0;
  redis.command = ((args, options) => {
    commands += 1;
    return command.call(redis, args, options);
  }) as typeof redis.command;
  for (const id of ids) await sessions.getSession(id);
  expect(commands).toBe(50);
  const read = await Promise.all([...ids, ...ids].map((id) => sessions.getSession(id)));
  expect(read).toEqual([...ids, ...ids].map((_, n) => ({ n: n % 50 })));
  expect(commands).toBe(50);
  redis.command = command;
  expect(await Promise.all(ids.map(stateOf))).toEqual(states);
});

it('of the reads of one tick a key of another type fails alone, and a read called before a destroy comes before it', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const [good, bad] = [await sessions.createSession({ a: 1 }), await sessions.createSession({ b: 1 })];
  await redis.command(['SET', keyOf(redis, bad), 'text', 'EX', 60]);
  const reads = [good, bad, 'A'.repeat(43)].map((id) => sessions.getSession(id));
  const destroyed = sessions.destroySession(good);
  const results = await Promise.allSettled(reads);
  expect(results).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { replyCode: 'WRONGTYPE' } },
    { status: 'fulfilled', value: undefined },
  ]);
  expect(await destroyed).toBe(true);
  const last = await sessions.createSession({ c: 1 });
  const [before] = await Promise.all([sessions.getSession(last), sessions.destroySession(last)]);
  expect(before).toEqual({ c: 1 });
});

it('PERSIST by hand makes no session live longer', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  for (const ttl of [120, { idle: 120, absolute: '1h' }, { idle: '1h', absolute: 120 }] as const) {
    const id = await sessions.createSession({}, ttl);
    await redis.command(['PERSIST', keyOf(redis, id)]);
    const idle = typeof ttl === 'object' && ttl.idle === 120;
    await eventually(async () => (await sessions.getSession(id)) === undefined, {
      within: 2000,
      every: idle ? 300 : 5,
    });
    expect(await sessions.extendSession(id, '1h')).toBe(false);
    expect(await redis.command(['EXISTS', keyOf(redis, id)])).toBe(0);
  }
});

it('a layout of the future, a damaged field and a key of another type are errors, and are left in place', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const damage: readonly (readonly [field: string, value: string])[] = [
    ['m', '2 1 2 3 '],
    ['m', '1 1 2'],
    ['m', ''],
    ['s', '1 soon 5'],
    ['s', ''],
    ['d', ''],
    ['d', 'not an envelope'],
  ];
  for (const [field, value] of damage) {
    const id = await sessions.createSession({ secret: 'canary' }, '1h');
    await redis.command(['HSET', keyOf(redis, id), field, value]);
    await expect(sessions.getSession(id), `${field} ${value}`).rejects.toBeInstanceOf(CodecError);
    await expect(sessions.updateSession(id, {})).rejects.toBeInstanceOf(CodecError);
    if (field !== 'd') await expect(sessions.extendSession(id, '1h')).rejects.toMatchObject({ replyCode: 'LAYOUT' });
    expect(await redis.command(['EXISTS', keyOf(redis, id)])).toBe(1);
  }
  const id = await sessions.createSession({}, '1h');
  await redis.command(['SET', keyOf(redis, id), 'text', 'EX', 60]);
  await expect(sessions.getSession(id)).rejects.toBeInstanceOf(ServerError);
});

it('errors of the store reject and are told as an event with a tag, not with an id', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const id = await sessions.createSession({});
  const events: unknown[] = [];
  sessions.on('error', (event) => events.push(event));
  await redis.close();
  const calls = [
    () => sessions.createSession({}),
    () => sessions.getSession(id),
    () => sessions.readSession(id),
    () => sessions.extendSession(id, '1h'),
    () => sessions.updateSession(id, {}),
    () => sessions.destroySession(id),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'RU_CLOSED' });
  const operations = ['create', 'read', 'read', 'extend', 'update', 'destroy'];
  expect(events).toMatchObject(operations.map((operation) => ({ operation, tag: expect.any(String) as string })));
  expect(JSON.stringify(events)).not.toContain(id);
});

it('no key of a finished session stays behind', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => sessions.createSession({ n }, 50 + n)));
  await Promise.all(ids.slice(0, 10).map((id) => sessions.destroySession(id)));
  const left = async (): Promise<number> => (await rawOnEachNode(['KEYS', `${redis.config.prefix}:*`])).flat().length;
  await eventually(async () => (await left()) === 0);
});

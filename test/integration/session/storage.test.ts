import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import type { RedisManager } from '../../../src/client/index.js';
import { DecodeError } from '../../../src/codec/index.js';
import { ServerError } from '../../../src/core/errors.js';
import { SessionManager } from '../../../src/session/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';

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
  const { y, v, c, x, e, i, l, t } = fields;
  expect(Object.keys(fields).sort()).toEqual(['a', 'c', 'd', 'e', 'i', 'l', 't', 'v', 'x', 'y']);
  expect({ y, v, i }).toEqual({ y: '1', v: '1', i: '600000' });
  expect(Number(x)).toBe(Number(c) + 3_600_000);
  expect(Number(e)).toBe(Number(l) + 600_000);
  expect(t).toBe(createHash('sha256').update('user:u1').digest('base64url'));
});

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
    expect(await redis.command(['PEXPIRETIME', key])).toBe(Number(await redis.command(['HGET', key, 'e'])));
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

it('a read is one HMGET, and a busy session is not written', async () => {
  const redis = await connect();
  const sessions = new SessionManager(redis);
  const id = await sessions.createSession({ a: 1 });
  const writtenAt = await redis.command(['HGET', keyOf(redis, id), 'l']);
  const { command } = redis;
  const sent: unknown[] = [];
  redis.command = ((args, options) => {
    sent.push(args[0]);
    return command.call(redis, args, options);
  }) as typeof redis.command;
  await Promise.all(Array.from({ length: 100 }, () => sessions.getSession(id)));
  redis.command = command;
  expect(sent).toHaveLength(100);
  expect(new Set(sent)).toEqual(new Set(['HMGET']));
  expect(await redis.command(['HGET', keyOf(redis, id), 'l'])).toBe(writtenAt);
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
    ['y', '2'],
    ['e', 'soon'],
    ['c', ''],
    ['d', 'not an envelope'],
  ];
  for (const [field, value] of damage) {
    const id = await sessions.createSession({ secret: 'canary' }, '1h');
    await redis.command(['HSET', keyOf(redis, id), field, value]);
    const error = await sessions.getSession(id).catch((reason: unknown) => reason);
    expect(error, field).toBeInstanceOf(Error);
    if (field !== 'd' && field !== 'c') expect(error).toBeInstanceOf(DecodeError);
    await expect(sessions.updateSession(id, {})).rejects.toThrow();
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
  const left = async (): Promise<number> =>
    ((await raw(['KEYS', `${redis.config.prefix}:*`])) as readonly unknown[]).length;
  await eventually(async () => (await left()) === 0);
});

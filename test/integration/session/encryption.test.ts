import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import type { RedisManager } from '../../../src/client/index.js';
import { EncryptionError, generateKey, Keyring } from '../../../src/codec/index.js';
import { SessionManager, type SessionEvents } from '../../../src/session/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, rawBytes } from '../../support/target.js';

noLeaks();

const KEY_1 = generateKey();
const KEY_2 = generateKey();
const encryption = Keyring.of({ active: 'k1', keys: { k1: KEY_1 } });

interface Sealed {
  readonly redis: RedisManager;
  readonly sessions: SessionManager;
}

async function sealed(): Promise<Sealed> {
  const redis = await connect({ codec: { encryption } });
  return { redis, sessions: new SessionManager(redis) };
}

function keyOf(redis: RedisManager, id: string): string {
  return `${redis.config.prefix}:session:{${createHash('sha256').update(id).digest('base64url')}}`;
}

const tampered = { code: 'RU_ENCRYPTION', reason: 'tampered' };

describe('under a key ring', () => {
  it('the key ring of the manager is used, and two equal sessions are stored as different bytes', async () => {
    const { redis, sessions } = await sealed();
    const [a, b] = [await sessions.createSession({ name: 'Ada' }), await sessions.createSession({ name: 'Ada' })];
    const stored = await Promise.all([a, b].map((id) => rawBytes(['HGET', keyOf(redis, id), 'd'])));
    expect(stored[0]).not.toEqual(stored[1]);
    expect(await sessions.getSession(a)).toEqual({ name: 'Ada' });
    expect((await sessions.updateSession(a, { b: 1 }))?.data).toEqual({ name: 'Ada', b: 1 });
    expect(await sessions.getSession(a)).toEqual({ name: 'Ada', b: 1 });
  });

  it.each([
    ['creation time', 1],
    ['absolute deadline', 2],
    ['user', 4],
  ] as const)('a hand-edited %s makes the session unreadable and leaves it in place', async (_, part) => {
    const { redis, sessions } = await sealed();
    const id = await sessions.createSession({ name: 'Ada' }, '1h', { userId: 'u1' });
    const key = keyOf(redis, id);
    const made = (await redis.command<string>(['HGET', key, 'm'])).split(' ');
    made[part] = part === 4 ? 'x'.repeat(43) : String(Number(made[part]) + 86_400_000);
    await redis.command(['HSET', key, 'm', made.join(' ')]);
    const errors: SessionEvents['error'][] = [];
    sessions.on('error', (event) => errors.push(event));
    await expect(sessions.getSession(id)).rejects.toBeInstanceOf(EncryptionError);
    await expect(sessions.readSession(id)).rejects.toMatchObject(tampered);
    await expect(sessions.updateSession(id, { a: 1 })).rejects.toMatchObject(tampered);
    await sessions.extendSession(id, '40d');
    await expect(sessions.getSession(id)).rejects.toMatchObject(tampered);
    expect(errors.map((event) => event.operation)).toEqual(['read', 'read', 'update', 'read']);
    expect(await redis.command(['EXISTS', key])).toBe(1);
  });

  it('data moved to another session or another field is refused', async () => {
    const { redis, sessions } = await sealed();
    const [mine, admins] = [
      await sessions.createSession({ role: 'guest' }, '1h', { userId: 'u1' }),
      await sessions.createSession({ role: 'admin' }, '1h', { userId: 'root' }),
    ];
    const [to, from] = [keyOf(redis, mine), keyOf(redis, admins)];
    for (const fields of [['d'], ['d', 'm', 'a']]) {
      for (const field of fields) {
        const bytes = (await rawBytes(['HGET', from, field])) as Buffer;
        await redis.command(['HSET', to, field, bytes]);
      }
      await expect(sessions.getSession(mine)).rejects.toMatchObject(tampered);
    }
    await redis.command(['HSET', from, 'd', (await rawBytes(['HGET', from, 'a'])) as Buffer]);
    await expect(sessions.getSession(admins)).rejects.toMatchObject(tampered);
  });

  it('no flipped bit and no truncation of the data is accepted', async () => {
    const { redis, sessions } = await sealed();
    const id = await sessions.createSession({ a: 1 }, '1h');
    const key = keyOf(redis, id);
    const good = (await rawBytes(['HGET', key, 'd'])) as Buffer;
    const bad: Buffer[] = Array.from({ length: good.length }, (_, length) => good.subarray(0, length));
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const flipped = Buffer.from(good);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      bad.push(flipped);
    }
    for (const bytes of bad) {
      const [, read] = await Promise.allSettled([redis.command(['HSET', key, 'd', bytes]), sessions.getSession(id)]);
      expect(read.status).toBe('rejected');
    }
    await redis.command(['HSET', key, 'd', good]);
    expect(await sessions.getSession(id)).toEqual({ a: 1 });
  });

  it('keys rotate: old sessions stay readable and move to the new key with their next update', async () => {
    const { redis, sessions } = await sealed();
    const id = await sessions.createSession({ a: 1 }, '1h', { userId: 'u1' });
    const rotated = new SessionManager(redis, {
      codec: { encryption: Keyring.of({ active: 'k2', keys: { k2: KEY_2, k1: KEY_1 } }) },
    });
    expect(await rotated.readSession(id)).toMatchObject({ data: { a: 1 }, userId: 'u1' });
    await rotated.updateSession(id, { b: 2 });
    expect(await rotated.getSession(id)).toEqual({ a: 1, b: 2 });
    await expect(sessions.getSession(id)).rejects.toMatchObject({ reason: 'unknown-key' });
  });

  it('a plain session is refused unless allowPlaintext is set, and is sealed by its next update', async () => {
    const redis = await connect();
    const id = await new SessionManager(redis).createSession({ a: 1 }, '1h');
    const strict = new SessionManager(redis, { codec: { encryption } });
    await expect(strict.getSession(id)).rejects.toMatchObject({ reason: 'not-encrypted' });
    const lenient = new SessionManager(redis, { codec: { encryption, allowPlaintext: true } });
    expect(await lenient.getSession(id)).toEqual({ a: 1 });
    await lenient.updateSession(id, { b: 2 });
    expect(await strict.getSession(id)).toEqual({ a: 1, b: 2 });
  });

  it('nothing secret shows in Redis, in events, in errors or when printed', async () => {
    const { redis, sessions } = await sealed();
    const canaries = ['Ada-Canary', 'ada@canary.example', 'canary-user-7', KEY_1];
    const output: string[] = [];
    const names = ['created', 'extended', 'updated', 'destroyed', 'unknown', 'error'] as const;
    for (const name of names)
      sessions.on(name, (event) => output.push(inspect(event, { depth: 9 }), JSON.stringify(event)));
    const data = { name: 'Ada-Canary', mail: 'ada@canary.example' };
    const id = await sessions.createSession(data, '1h', { userId: 'canary-user-7' });
    const edited = await sessions.createSession(data, '1h', { userId: 'canary-user-7' });
    canaries.push(id, edited);
    await sessions.extendSession(id, '2h');
    await sessions.updateSession(id, { more: 'Ada-Canary' });
    const dump: string[] = [];
    for (const one of [id, edited]) {
      dump.push(keyOf(redis, one));
      const all = (await rawBytes(['HGETALL', keyOf(redis, one)])) as Record<string, Buffer> | Buffer[];
      dump.push(...Object.entries(all).flatMap(([name, value]) => [name, Buffer.from(value).toString('latin1')]));
    }
    expect(dump.length).toBeGreaterThan(17);
    await redis.command(['HSET', keyOf(redis, edited), 'd', 'Ada-Canary']);
    const failures = [sessions.getSession(edited), sessions.updateSession(id, { a: 1 }, { ifRevision: 9 })];
    for (const failure of await Promise.allSettled(failures)) {
      const { reason } = failure as PromiseRejectedResult;
      output.push(inspect(reason, { depth: 9 }), JSON.stringify(reason));
    }
    await sessions.destroySession(id);
    await sessions.getSession(id);
    output.push(inspect(sessions, { depth: 9, showHidden: true }), JSON.stringify(sessions));
    expect(output.length).toBeGreaterThan(15);
    for (const canary of canaries) {
      expect(dump.join('\n')).not.toContain(canary);
      expect(output.join('\n')).not.toContain(canary);
    }
  });
});

import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import type { RedisManager } from '../../../src/client/index.js';
import { ConfigError } from '../../../src/core/errors.js';
import { SessionConflictError, SessionManager } from '../../../src/session/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';

noLeaks();

interface User extends Record<string, unknown> {
  name?: string;
  visits?: number;
  tags?: string[];
}

const UNKNOWN_ID = 'A'.repeat(43);

/** The server runs on this machine, so that its clock is ours. */
function expectJustPassed(timeMs: number): void {
  expect(Date.now() - timeMs).toBeGreaterThanOrEqual(-2);
  expect(Date.now() - timeMs).toBeLessThan(1000);
}

async function sessions(options = {}): Promise<SessionManager<User>> {
  return new SessionManager<User>(await connect(), options);
}

describe('a session', () => {
  it('comes back as it was created, under a 256-bit id, and is gone after destroy', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ name: 'Ada', tags: ['x'] }, '1h');
    expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await manager.getSession(id)).toEqual({ name: 'Ada', tags: ['x'] });
    expect(await manager.destroySession(id)).toBe(true);
    expect(await manager.getSession(id)).toBeUndefined();
    expect(await manager.destroySession(id)).toBe(false);
  });

  it('is taken from a structural cache host with its prefix, or from a bare manager', async () => {
    const manager: RedisManager = await connect();
    const viaCache = new SessionManager({ manager, prefix: 'other', codecOptions: undefined });
    const id = await viaCache.createSession({ a: 1 });
    expect(await new SessionManager(manager, { prefix: 'other' }).getSession(id)).toEqual({ a: 1 });
    expect(await new SessionManager(manager).getSession(id)).toBeUndefined();
  });

  it('hands every reader a copy of its own', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ tags: ['x'] });
    const [first, second] = await Promise.all([manager.getSession(id), manager.getSession(id)]);
    first?.tags?.push('y');
    expect(second).toEqual({ tags: ['x'] });
    expect(await manager.getSession(id)).toEqual({ tags: ['x'] });
  });

  it('shows revision, times and user in its view', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ name: 'Ada' }, { idle: '10m', absolute: '1h' }, { userId: 'u1' });
    const view = await manager.readSession(id);
    expect(view).toMatchObject({ data: { name: 'Ada' }, revision: 1, userId: 'u1' });
    const created = view?.createdAt.getTime() ?? 0;
    expect(view?.absoluteExpiresAt.getTime()).toBe(created + 3_600_000);
    expect((view?.expiresAt.getTime() ?? 0) - (view?.lastSeen.getTime() ?? 0)).toBe(600_000);
  });

  it('rejects data that is no plain object, and options that do not exist', async () => {
    const manager = await sessions();
    for (const data of [[], 'text', null, undefined, new Date(), new Map(), 5]) {
      await expect(manager.createSession(data as never)).rejects.toBeInstanceOf(ConfigError);
    }
    await expect(manager.createSession({}, '1h', { user: 'x' } as never)).rejects.toThrow(/userId/);
    await expect(manager.createSession({}, { idle: '1m', max: '1h' } as never)).rejects.toBeInstanceOf(ConfigError);
    await expect(manager.createSession({}, 0)).rejects.toBeInstanceOf(ConfigError);
    expect(() => new SessionManager({} as never)).toThrow(ConfigError);
  });
});

describe('expiry', () => {
  it('with a plain ttl is fixed: reading and updating do not move it, extending does', async () => {
    const manager = await sessions();
    const id = await manager.createSession({}, '1h');
    const before = (await manager.readSession(id))?.expiresAt.getTime() ?? 0;
    await manager.updateSession(id, { visits: 1 });
    expect((await manager.readSession(id))?.expiresAt.getTime()).toBe(before);
    expect(await manager.extendSession(id, '2h')).toBe(true);
    const after = (await manager.readSession(id))?.expiresAt.getTime() ?? 0;
    expect(after - before).toBeGreaterThanOrEqual(3_600_000);
    expect(after - before).toBeLessThan(3_660_000);
  });

  it('with a plain ttl comes when it is due, however often the session is read', async () => {
    const manager = await sessions();
    const id = await manager.createSession({}, 150);
    const endsAt = (await manager.readSession(id))?.expiresAt.getTime() ?? 0;
    await eventually(async () => (await manager.getSession(id)) === undefined, { within: 2000 });
    expectJustPassed(endsAt);
  });

  it('with an idle time slides while the session is used and comes when it is not', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ name: 'Ada' }, { idle: 900, absolute: '1h' });
    for (let use = 0; use < 6; use += 1) {
      await sleep(250);
      expect(await manager.getSession(id)).toEqual({ name: 'Ada' });
    }
    await sleep(920);
    expect(await manager.getSession(id)).toBeUndefined();
  });

  it('at the absolute deadline is moved by no use, no update and no extension', async () => {
    const manager = await sessions();
    const id = await manager.createSession({}, { idle: '1h', absolute: 600 });
    const deadline = (await manager.readSession(id))?.absoluteExpiresAt.getTime() ?? 0;
    await eventually(
      async () => {
        await manager.updateSession(id, (data) => ({ ...data, visits: (data.visits ?? 0) + 1 }));
        const view = await manager.readSession(id);
        if (view === undefined) return true;
        expect(view.absoluteExpiresAt.getTime()).toBe(deadline);
        expect(view.expiresAt.getTime()).toBeLessThanOrEqual(deadline);
        return !(await manager.extendSession(id, '1h'));
      },
      { within: 3000, every: 20 },
    );
    expectJustPassed(deadline);
    expect(await manager.extendSession(id, '1h')).toBe(false);
    expect(await manager.updateSession(id, { visits: 0 })).toBeUndefined();
  });

  it('by default comes from the options `ttl` and `absolute`', async () => {
    const manager = await sessions({ ttl: '1h', absolute: '30m' });
    const view = await manager.readSession(await manager.createSession({}));
    const created = view?.createdAt.getTime() ?? 0;
    expect(view?.absoluteExpiresAt.getTime()).toBe(created + 1_800_000);
    expect(view?.expiresAt).toEqual(view?.absoluteExpiresAt);
  });

  it('can be shortened by extendSession, and a sliding session keeps what an extension gave', async () => {
    const manager = await sessions();
    const fixed = await manager.createSession({}, '1h');
    await manager.extendSession(fixed, 60);
    await eventually(async () => (await manager.getSession(fixed)) === undefined, { within: 1000 });
    const sliding = await manager.createSession({}, { idle: 1000, absolute: '1h' });
    await manager.extendSession(sliding, '10m');
    await sleep(120);
    await manager.getSession(sliding);
    const view = await manager.readSession(sliding);
    expect((view?.expiresAt.getTime() ?? 0) - (view?.lastSeen.getTime() ?? 0)).toBeGreaterThan(590_000);
  });
});

describe('updateSession', () => {
  it('merges a patch at the top level, drops what is undefined, and counts revisions', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ name: 'Ada', visits: 1, tags: ['x'] }, '1h', { userId: 'u1' });
    const view = await manager.updateSession(id, { visits: 2, tags: undefined } as never);
    expect(view).toMatchObject({ data: { name: 'Ada', visits: 2 }, revision: 2, userId: 'u1' });
    expect(await manager.readSession(id)).toEqual(view);
    expect(Object.keys(view?.data ?? {})).toEqual(['name', 'visits']);
  });

  it('gives a function a private copy, and passes on what the function throws', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ visits: 1 });
    const boom = new Error('boom');
    const failing = manager.updateSession(id, (data) => {
      data.visits = 99;
      throw boom;
    });
    await expect(failing).rejects.toBe(boom);
    expect(await manager.getSession(id)).toEqual({ visits: 1 });
    await expect(manager.updateSession(id, () => undefined as never)).rejects.toBeInstanceOf(ConfigError);
    const view = await manager.updateSession(id, async (data) => ({ ...data, visits: 2 }));
    expect(view?.data).toEqual({ visits: 2 });
  });

  it('keeps both of two concurrent patches, and all of thirty concurrent increments', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ visits: 0 });
    await Promise.all([manager.updateSession(id, { a: 1 }), manager.updateSession(id, { b: 2 })]);
    expect(await manager.getSession(id)).toEqual({ visits: 0, a: 1, b: 2 });
    const increment = (data: User): User => ({ ...data, visits: (data.visits ?? 0) + 1 });
    await Promise.all(Array.from({ length: 30 }, () => manager.updateSession(id, increment)));
    expect((await manager.getSession(id))?.visits).toBe(30);
  });

  it('with ifRevision refuses another revision and writes nothing', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ visits: 1 });
    const view = await manager.updateSession(id, { visits: 2 }, { ifRevision: 1 });
    expect(view?.revision).toBe(2);
    const late = manager.updateSession(id, { visits: 3 }, { ifRevision: 1 });
    await expect(late).rejects.toBeInstanceOf(SessionConflictError);
    await expect(late).rejects.toMatchObject({ code: 'RU_SESSION_CONFLICT', expectedRevision: 1, actualRevision: 2 });
    const racing = await Promise.allSettled([
      manager.updateSession(id, { a: 1 }, { ifRevision: 2 }),
      manager.updateSession(id, { b: 1 }, { ifRevision: 2 }),
    ]);
    expect(racing.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await manager.readSession(id))?.revision).toBe(3);
  });

  it('ends in a conflict, not in a loop, when its own function always updates the session again', async () => {
    const manager = await sessions();
    const id = await manager.createSession({ visits: 0 });
    const nested = manager.updateSession(id, async (data) => {
      await manager.updateSession(id, { name: 'inner' });
      return data;
    });
    await expect(nested).rejects.toMatchObject({ code: 'RU_SESSION_CONFLICT', attempts: 24 });
  });
});

describe('an id that names no session', () => {
  it('gives undefined or false everywhere and is told as an event without the id', async () => {
    const manager = await sessions();
    const seen: string[] = [];
    manager.on('unknown', (event) => seen.push(JSON.stringify(event)));
    expect(await manager.getSession(UNKNOWN_ID)).toBeUndefined();
    expect(await manager.readSession(UNKNOWN_ID)).toBeUndefined();
    expect(await manager.updateSession(UNKNOWN_ID, { a: 1 })).toBeUndefined();
    expect(await manager.extendSession(UNKNOWN_ID, '1h')).toBe(false);
    expect(await manager.destroySession(UNKNOWN_ID)).toBe(false);
    expect(seen).toHaveLength(4);
    expect(seen.join()).not.toContain(UNKNOWN_ID);
  });

  it('is answered without the server when no create can have made it', async () => {
    const redis = await connect();
    const manager = new SessionManager(redis);
    await redis.close();
    const odd = ['', 'a', '*', `${UNKNOWN_ID}\n`, `\r\n${UNKNOWN_ID}`, 'é'.repeat(43), '__proto__', 'A'.repeat(42)];
    const wrong: unknown[] = [...odd, 'x'.repeat(1_000_000), `${UNKNOWN_ID}=`, undefined, null, 5, {}, [UNKNOWN_ID]];
    for (const id of wrong as string[]) {
      expect(await manager.getSession(id)).toBeUndefined();
      expect(await manager.readSession(id)).toBeUndefined();
      expect(await manager.updateSession(id, {})).toBeUndefined();
      expect(await manager.extendSession(id, '1h')).toBe(false);
      expect(await manager.destroySession(id)).toBe(false);
    }
    await expect(manager.getSession(UNKNOWN_ID)).rejects.toMatchObject({ code: 'RU_CLOSED' });
  });
});

import { expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { SessionManager } from '../../../src/session/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const COMMAND_TIMEOUT_MS = 300;

async function start(): Promise<{ server: RedisServer; redis: RedisManager; sessions: SessionManager }> {
  const server = await RedisServer.start();
  const redis = await RedisManager.connect({ url: server.url, commandTimeout: COMMAND_TIMEOUT_MS });
  return { server, redis, sessions: new SessionManager(redis) };
}

function allCalls(sessions: SessionManager, id: string): Promise<unknown>[] {
  return [
    sessions.createSession({}),
    sessions.getSession(id),
    sessions.readSession(id),
    sessions.extendSession(id, '1h'),
    sessions.updateSession(id, { a: 1 }),
    sessions.destroySession(id),
  ];
}

it('while the server is frozen every call rejects by its deadline, and none says that there is no session', async () => {
  const { server, redis, sessions } = await start();
  const id = await sessions.createSession({ a: 1 });
  server.pause();
  const startedAt = performance.now();
  const results = await Promise.allSettled(allCalls(sessions, id));
  const tookMs = performance.now() - startedAt;
  server.resume();
  expect(results.map((result) => result.status)).toEqual(results.map(() => 'rejected'));
  expect(tookMs).toBeLessThan(COMMAND_TIMEOUT_MS + 1000);
  await redis.close();
});

it('when the server is killed, calls in flight and later ones reject, and sessions work again when it is back', async () => {
  const { server, redis, sessions } = await start();
  const id = await sessions.createSession({ a: 1 });
  server.pause();
  const inFlight = Promise.allSettled(allCalls(sessions, id));
  await server.kill();
  expect((await inFlight).map((result) => result.status)).toEqual(Array.from({ length: 6 }, () => 'rejected'));
  const later = await Promise.allSettled(allCalls(sessions, id));
  expect(later.map((result) => result.status)).toEqual(Array.from({ length: 6 }, () => 'rejected'));
  await server.restart();
  const again = await eventually(() => sessions.createSession({ b: 2 }), { within: 8000 });
  expect(await sessions.getSession(again)).toEqual({ b: 2 });
  expect(await sessions.getSession(id)).toBeUndefined();
  await redis.close();
});

it('a server that refuses writes for want of memory is an error, not a lost session', async () => {
  const { server, redis, sessions } = await start();
  const id = await sessions.createSession({ a: 1 });
  await server.command(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction']);
  await server.command(['CONFIG', 'SET', 'maxmemory', '1']);
  await expect(sessions.createSession({})).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'OOM' });
  await expect(sessions.updateSession(id, { a: 2 })).rejects.toMatchObject({ replyCode: 'OOM' });
  expect(await sessions.getSession(id)).toEqual({ a: 1 });
  await redis.close();
});

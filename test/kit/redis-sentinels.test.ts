import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../src/testing/eventually.js';
import type { RedisSentinels } from '../../src/testing/redis-sentinels.js';
import { RedisServer } from '../support/redis-server.js';

let group: RedisSentinels;

beforeAll(async () => {
  group = await RedisServer.startSentinel({ stoppedBy: 'caller' });
});
afterAll(() => group.stop());

test('three sentinels agree on a primary with two replicas', async () => {
  const primary = await group.primary();
  expect(group.sentinels).toHaveLength(3);
  for (const sentinel of group.sentinels) {
    const named = await sentinel.command(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster']);
    expect(named).toEqual(['127.0.0.1', String(primary.port)]);
    expect(await sentinel.command(['SENTINEL', 'CKQUORUM', 'mymaster'])).toMatch(/^OK 3 usable/);
  }
  await primary.command(['SET', 'k', 'v']);
  for (const replica of await group.replicas()) {
    await eventually(async () => expect(await replica.command(['GET', 'k'])).toBe('v'));
  }
});

test('are named by a URL of all sentinels', () => {
  expect(group.url).toMatch(/^redis-sentinel:\/\/(127\.0\.0\.1:\d+,){2}127\.0\.0\.1:\d+\/0\?master=mymaster$/);
});

test('a failover gives a new primary, which the old one follows', async () => {
  const before = await group.primary();
  const after = await group.failover();
  expect(after).not.toBe(before);
  expect(await after.command(['GET', 'k'])).toBe('v');
  expect(await group.replicas()).toContain(before);
  await expect(before.command(['SET', 'k', 'x'])).rejects.toThrow('READONLY');
});

test('a killed primary is replaced, and follows when it returns', async () => {
  const killed = await group.killPrimary();
  await group.waitUntilStable();
  const after = await group.primary();
  expect(after).not.toBe(killed);
  await killed.restart();
  await group.waitUntilStable();
  expect(await killed.command(['GET', 'k'])).toBe('v');
});

test('a primary that stands still is replaced too', async () => {
  const paused = await group.primary();
  paused.pause();
  await group.waitUntilStable();
  expect(await group.primary()).not.toBe(paused);
  paused.resume();
  await group.waitUntilStable();
});

test('works with TLS and an ACL, under another name', async () => {
  const acl = ['user default off', 'user app on >x ~* +@all'];
  const options = { name: 'my.primary', replicas: 1, sentinels: 1, tls: true, acl };
  await using guarded = await RedisServer.startSentinel(options);
  expect(guarded.url).toMatch(/^rediss-sentinel:\/\/localhost:\d+\/0\?master=my\.primary$/);
  const before = await guarded.primary();
  expect(await guarded.failover()).not.toBe(before);
});

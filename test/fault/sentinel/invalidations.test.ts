import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisManager } from '../../../src/client/index.js';
import type { RedisSentinels } from '../../../src/testing/redis-sentinels.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { listen } from '../../support/invalidations.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

let group: RedisSentinels;

beforeAll(async () => {
  group = await RedisServer.startSentinel({ stoppedBy: 'caller' });
});
afterAll(() => group.stop());

it('a feed follows the primary: blind when another is promoted, and armed there', async () => {
  const manager = await RedisManager.connect(group.url);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  const { told, handle } = listen(manager, { prefix: 'p:', maxStalenessMs: 1_000 });
  await eventually(() => handle.isArmed);
  const successor = await group.failover();
  await eventually(() => told.some((what) => what.startsWith('blind')));
  await eventually(() => handle.isArmed, { within: 10_000 });
  await successor.command(['SET', 'p:a', 'x']);
  await eventually(() => expect(told).toContain('p:a'));
});

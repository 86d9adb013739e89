import { expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

it('what keeps a connection alive is not queued among the commands of an open transaction', async () => {
  const server = await RedisServer.start();
  const manager = await RedisManager.connect({ url: server.url, heartbeat: 40 });
  afterThisTest(async () => void (await manager.close()));
  await using lease = await manager.lease();
  await lease.command(['MULTI']);
  expect(await lease.command(['SET', 'a', '1'])).toBe('QUEUED');
  const pings = async (): Promise<number> =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(await server.command<string>(['INFO', 'commandstats']))?.[1]);
  // those of the shared connection go on, and would be those of the leased one as well
  const before = await pings();
  await eventually(async () => (await pings()) > before + 4);
  expect(await lease.command(['EXEC'])).toEqual(['OK']);
});

it('credentials are not refreshed in the middle of a transaction, but after it', async () => {
  const server = await RedisServer.start({ acl: ['user default off', 'user app on >right ~* &* +@all'] });
  let refreshes = 0;
  const manager = await RedisManager.connect({
    url: server.url,
    credentials: ({ reason }) => {
      if (reason === 'refresh') refreshes += 1;
      return { username: 'app', password: 'right', expiresAt: Date.now() + 200 };
    },
  });
  afterThisTest(async () => void (await manager.close()));
  await using lease = await manager.lease();
  await lease.command(['MULTI']);
  expect(await lease.command(['SET', 'a', '1'])).toBe('QUEUED');
  const before = refreshes;
  // two connections: the leased one has its turn by the third at the latest
  await eventually(() => refreshes > before + 4);
  expect(await lease.command(['EXEC'])).toEqual(['OK']);
  const authsOf = async (): Promise<number> =>
    Number(/cmdstat_auth:calls=(\d+)/.exec(await server.command<string>(['INFO', 'commandstats']))?.[1]);
  const auths = await authsOf();
  await eventually(async () => (await authsOf()) > auths + 2);
});

import { expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { EmbeddedRedis, VirtualClock } from '../../../src/embedded/index.js';

it('a manager on a virtual clock and its embedded engine share that clock', async () => {
  const clock = new VirtualClock();
  const manager = await RedisManager.connect('memory://virtual-time', { clock });
  await manager.command(['SET', 'k', 'v', 'PX', 60_000]);
  await clock.advance('59s');
  expect(await manager.command(['PTTL', 'k'])).toBe(1_000);
  await clock.advance(1_001);
  expect(await manager.command(['GET', 'k'])).toBeNull();
  await manager.close();
});

it('an engine is not lent to a manager that goes by another virtual clock', async () => {
  EmbeddedRedis.named('other-time', { clock: new VirtualClock() });
  const connecting = RedisManager.connect('memory://other-time', { clock: new VirtualClock() });
  await expect(connecting).rejects.toMatchObject({ code: 'RU_CONFIG' });
});

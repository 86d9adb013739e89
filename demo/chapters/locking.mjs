// @ts-check
import { DistributedLock } from 'redis-utils';

import { show } from '../screen.mjs';

/** @param {import('redis-utils').RedisManager} manager */
export async function locking(manager) {
  const lock = new DistributedLock(manager, 'invoice:42', '30s');
  const guard = await lock.acquire();
  show('acquire: held, with a fence that only rises', `${guard.state}, fence ${guard.fence}`);
  show('tryAcquire by somebody else', String(await lock.tryAcquire()));
  show('release', await lock.release(guard));

  let balance = 0;
  const add = () =>
    lock.run(async () => {
      const before = balance;
      await new Promise((resolve) => setTimeout(resolve, 2));
      balance = before + 1;
    });
  await Promise.all(Array.from({ length: 10 }, add));
  show('10 read-modify-writes under run(): lost updates', 10 - balance);
}

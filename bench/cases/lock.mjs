import { ok } from 'node:assert/strict';

export const lock = {
  id: 'lock',
  feature: 'lock',
  title: 'lock: acquire and release, each caller its own key',
  async check(locks) {
    const held = await locks.acquire(0);
    ok(held, 'a free lock is acquired');
    ok(!(await locks.tryAcquire(0)), 'a held lock is not acquired a second time');
    await locks.release(0, held);
    const again = await locks.tryAcquire(0);
    ok(again, 'a released lock is free');
    await locks.release(0, again);
  },
  run: async (locks, { caller }) => locks.release(caller, await locks.acquire(caller)),
};

/**
 * Takes one lock as its parent says, by messages: `{ do: 'count', times }` adds to a counter by reading and writing it,
 * `{ do: 'hold' }` acquires and keeps, `{ do: 'watch' }` tells when the lock is lost, `{ do: 'look' }` what the guard says,
 * `{ do: 'release' }`, `{ do: 'leave' }` closes its manager and nothing else. Times are of the monotonic clock that all processes of a machine share.
 */
import { RedisManager } from 'redis-utils/client';
import { DistributedLock } from 'redis-utils/lock';

const [url, ttl, renew] = process.argv.slice(2);
const manager = await RedisManager.connect({ url, prefix: 'ru' });
const lock = new DistributedLock(manager, 'k', ttl, { renew: renew !== 'no' });
let guard;

const actions = {
  async count({ times }) {
    const fences = [];
    for (let i = 0; i < times; i += 1) {
      await lock.run(
        async ({ fence }) => {
          const before = Number(await manager.command(['GET', 'counter'])) || 0;
          await manager.command(['SET', 'counter', before + 1, 'PX', 60_000]);
          fences.push(fence);
        },
        { timeout: '20s' },
      );
    }
    return { fences };
  },
  async hold() {
    guard = await lock.acquire({ timeout: '20s' });
    const heldNs = process.hrtime.bigint();
    void guard.signal;
    return { fence: guard.fence, heldNs };
  },
  async watch() {
    const { signal } = guard;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return { lostNs: process.hrtime.bigint(), fence: guard.fence, reason: signal.reason.reason };
  },
  async look() {
    return { aborted: guard.signal.aborted, state: guard.state, remainingMs: guard.remainingMs };
  },
  /** Stands still in its own code for longer than the lease, then asks before any timer can run. */
  async stall({ ms }) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return { aborted: guard.signal.aborted, state: guard.state };
  },
  async release() {
    return guard.release();
  },
  async leave() {
    setImmediate(() => process.disconnect());
    return 'bye';
  },
};

async function answer(message) {
  const said = await actions[message.do](message).catch(({ code }) => ({ code }));
  if (process.connected) process.send(said);
}

process.on('message', (message) => void answer(message));
process.on('disconnect', () => void manager.close({ drain: 0 }));
process.send('ready');

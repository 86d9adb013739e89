/**
 * Takes permits, or one side of a read-write lock, as its parent says: `{ do: 'hold', what }` acquires and keeps,
 * `{ do: 'wait', what }` begins to wait and tells so at once, `{ do: 'turns', what, times }` comes and goes and tells the
 * most that it saw inside; `what` is a weight, 'read' or 'write'.
 */
import { RedisManager } from 'redis-utils/client';
import { DistributedReadWriteLock, DistributedSemaphore } from 'redis-utils/lock';

const [url, ttl, permits] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const manager = await RedisManager.connect({ url, prefix: 'ru' });
const semaphore = new DistributedSemaphore(manager, 'k', { permits, ttl });
const lock = new DistributedReadWriteLock(manager, 'k', ttl);
let guard;

const options = (what) => (typeof what === 'number' ? { timeout: '20s', weight: what } : { timeout: '20s' });
const of = (what) => (typeof what === 'number' ? semaphore : lock[what]);
/** Counted in Redis: who is inside at this moment. */
const move = (what, by) =>
  manager.command(['INCRBY', `inside:${typeof what === 'number' ? 'permits' : what}`, String(by)]);

const actions = {
  async hold({ what }) {
    guard = await of(what).acquire(options(what));
    return { fence: guard.fence };
  },
  async wait({ what }) {
    void of(what)
      .acquire(options(what))
      .then((granted) => process.send({ granted: granted.fence }));
    return 'waiting';
  },
  async turns({ what, times }) {
    const seen = { inside: 0, readers: 0 };
    const fences = [];
    const weight = typeof what === 'number' ? what : 1;
    for (let turn = 0; turn < times; turn += 1) {
      await of(what).run(async ({ fence }) => {
        fences.push(fence);
        seen.inside = Math.max(seen.inside, await move(what, weight));
        if (what === 'write') seen.readers = Math.max(seen.readers, await move('read', 0));
        await move(what, -weight);
      }, options(what));
    }
    return { ...seen, fences };
  },
  async release() {
    return guard.release();
  },
};

process.on('message', (message) => {
  void actions[message.do](message).then((answer) => process.send(answer));
});
process.on('disconnect', () => void manager.close({ drain: 0 }));
process.send('ready');

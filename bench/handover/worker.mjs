/**
 * One process that wants the lock: `{ do: 'wait', holdMs }` waits for it, keeps it for so long and releases it, and tells
 * when; `{ do: 'listen', channel }` and `{ do: 'publish', channel }` send one bare message from one process to another. Times are of the
 * monotonic clock, which all processes of a machine share.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const [socketPath] = process.argv.slice(2);
const { RedisManager } = await import(new URL('../../dist/client/index.js', import.meta.url));
const { DistributedLock } = await import(new URL('../../dist/lock/index.js', import.meta.url));

const manager = await RedisManager.connect({ socketPath });
const lock = new DistributedLock(manager, 'job', '30s');
const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (message) => process.send(message);
const sink = { onMessage: () => tell({ heardAt: now() }), onLost() {}, onRestored() {}, onFailed() {} };

const actions = {
  async warm() {
    for (let turn = 0; turn < 300; turn += 1) await (await lock.acquire()).release();
    tell('warm');
  },
  async wait({ holdMs }) {
    const guard = await lock.acquire({ timeout: '60s' });
    const acquiredAt = now();
    await sleep(holdMs);
    const releasedAt = now();
    await guard.release();
    tell({ acquiredAt, releasedAt });
  },
  async listen({ channel }) {
    await manager.subscriber.subscribe({ kind: 'channel', name: channel }, sink);
    tell('listening');
  },
  async publish({ channel }) {
    const publishedAt = now();
    await manager.command(['PUBLISH', channel, 'g token 1795000000000000 1795000000000 1795000000000']);
    tell({ publishedAt });
  },
};

process.on('message', (message) => void actions[message.do](message));
process.on('disconnect', () => process.exit(0));
tell('ready');

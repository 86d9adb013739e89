/**
 * A candidate for an office: tells its parent when it is elected, with its term, and when it has lost, with the reason.
 * `'resign'` and `'stop'` make it do so.
 */
import { RedisManager } from 'redis-utils/client';
import { LeaderElector } from 'redis-utils/lock';

const [url, ttl, name] = process.argv.slice(2);
const manager = await RedisManager.connect({ url, prefix: 'ru' });
const elector = new LeaderElector(manager, 'office', { ttl, metadata: { name } });
elector.on('elected', ({ fence }) => process.send({ elected: fence }));
elector.on('lost', ({ reason }) => process.send({ lost: reason }));

process.on('message', (message) => void elector[message]());
process.on('disconnect', () => void manager.close({ drain: 0 }));
elector.start();

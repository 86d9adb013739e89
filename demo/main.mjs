// @ts-check
/**
 * Walks through all six features of redis-utils. Without REDIS_URL it runs on the embedded engine, in this process.
 */
import { RedisManager } from 'redis-utils';

import { caching } from './chapters/caching.mjs';
import { connecting } from './chapters/connecting.mjs';
import { limiting } from './chapters/limiting.mjs';
import { locking } from './chapters/locking.mjs';
import { messaging } from './chapters/messaging.mjs';
import { sessions } from './chapters/sessions.mjs';
import { chapter, note, say } from './screen.mjs';

const url = process.env['REDIS_URL'] ?? 'memory://demo';
const prefix = `redis-utils-demo-${process.pid}`;

say('redis-utils: connections, cache, locks, pub/sub, rate limits and sessions on Redis or Valkey');
if (url.startsWith('memory:')) {
  note('Running on the embedded engine, in this process: no server is needed, nothing outlives the demo.');
  note('On a server: REDIS_URL=redis://localhost:6379 npm run demo');
}

const manager = await RedisManager.connect({ url, prefix });
note(`Connected to ${manager.endpoint}. Every key begins with "${prefix}" and expires by itself.`);

const chapters = {
  Connections: connecting,
  Cache: caching,
  Locks: locking,
  'Pub/sub': messaging,
  'Rate limits': limiting,
  Sessions: sessions,
};
for (const [number, [title, run]] of Object.entries(chapters).entries()) {
  chapter(number + 1, title);
  await run(manager);
}

const report = await manager.close();
say(`\nClosed: ${report.cutCommands} commands and ${report.cutLeases} leases were cut off.`);

// Asks for one bucket as fast as it can until it is told to stop, then tells how often it was admitted.
import { RateLimiter, RedisManager } from 'redis-utils';

const [url, prefix, capacity, refill] = process.argv.slice(2);
const manager = await RedisManager.connect({ url, prefix });
const limiter = new RateLimiter(manager);
const stop = new AbortController();
process.once('message', () => stop.abort());
process.send('ready');
let [asked, admitted] = [0, 0];
while (!stop.signal.aborted) {
  const calls = Array.from({ length: 20 }, () => limiter.checkTokenBucket('hot', Number(capacity), Number(refill)));
  const decisions = await Promise.all(calls);
  asked += decisions.length;
  admitted += decisions.filter(({ allowed }) => allowed).length;
}
await manager.close();
process.send({ asked, admitted }, () => process.disconnect());

import { expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { LeaderElector } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const OFFICE = 'ru:lock:{office}';

interface Elected {
  readonly elected: bigint;
}

function startCandidate(server: RedisServer, name: string, ttl = '1s'): Worker {
  return startWorker('leader', { args: [server.url, ttl, name] });
}

async function serverMs(server: RedisServer): Promise<number> {
  const [seconds, micros] = await server.command<[string, string]>(['TIME']);
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

test('a leader that is killed is followed when its lease ends, not before, in a higher term', async () => {
  const server = await RedisServer.start();
  const leader = startCandidate(server, 'first', '2s');
  const { elected: term } = await leader.next<Elected>();
  const candidate = startCandidate(server, 'second', '2s');
  await eventually(async () => expect(await server.command(['HEXISTS', OFFICE, 'h'])).toBe(1));
  await leader.kill();
  const leaseEndMs = Number(await server.command(['HGET', OFFICE, 'x']));
  const { elected: next } = await candidate.next<Elected>();
  const lateMs = (await serverMs(server)) - leaseEndMs;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(1_500);
  expect(next).toBeGreaterThan(term);
});

test('a leader that stood still knows that it was followed, and campaigns again', async () => {
  const server = await RedisServer.start();
  const leader = startCandidate(server, 'first');
  await leader.next<Elected>();
  const candidate = startCandidate(server, 'second');
  await eventually(async () => expect(await server.command(['HEXISTS', OFFICE, 'h'])).toBe(1));
  leader.pause();
  const { elected: second } = await candidate.next<Elected>();
  leader.resume();
  expect(await leader.next()).toHaveProperty('lost');
  candidate.send('resign');
  const { elected: third } = await leader.next<Elected>();
  expect(third).toBeGreaterThan(second);
});

test('an observer sees nobody once the lease of a leader has ended, also while the server is away', async () => {
  const server = await RedisServer.start();
  const leader = startCandidate(server, 'first');
  await leader.next<Elected>();
  const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  const observer = new LeaderElector(manager, 'office');
  const told: string[] = [];
  observer.on('error', ({ source }) => told.push(source));
  const seen: (string | undefined)[] = [];
  const observed = (async () => {
    for await (const info of observer.observe({ interval: 50 })) seen.push(info?.metadata['name']);
  })();
  await eventually(() => expect(seen).toEqual(['first']));
  await server.kill();
  await leader.kill();
  await eventually(() => expect(seen).toEqual(['first', undefined]), { within: '20s' });
  expect(told).toEqual(['observe']);
  await observer.stop();
  await observed;
});

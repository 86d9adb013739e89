import { beforeEach, expect, test } from 'vitest';
import { LeaderElector, type LeaderInfo } from '../../../../src/lock/index.js';
import { settle, World } from '../world.js';

const HASH = 'ru:lock:{office}';
let world: World;
let elector: LeaderElector;
let told: string[];

beforeEach(() => {
  world = new World();
  elector = new LeaderElector(world.manager, 'office', { ttl: '1s' });
  told = [];
  elector.on('elected', () => told.push('elected'));
  elector.on('lost', ({ reason }) => told.push(`lost: ${reason}`));
  elector.on('error', ({ source }) => told.push(`error: ${source}`));
});

test('failures are told once for each series, and it goes on until it leads', async () => {
  world.weather = 'refused';
  elector.start();
  await world.clock.advance(200_000);
  expect(told).toEqual(['error: campaign']);
  world.weather = undefined;
  await world.clock.advance(5_000);
  expect(told).toEqual(['error: campaign', 'elected']);
  await elector.stop();
  await world.clock.advance(1_000);
  expect(world.clock.timers).toBe(0);
});

test('a refusal of the server is not asked about without end', async () => {
  world.foreign.add(HASH);
  elector.start();
  await world.clock.advance(60_000);
  expect(told).toEqual(['error: campaign']);
  expect(world.calls.length).toBeLessThan(60);
  await elector.stop();
});

test('an office that is lost is told of and campaigned for again, in a higher term', async () => {
  elector.start();
  await settle();
  const { term } = elector;
  world.locks.clear();
  await world.clock.advance(500);
  expect(told).toEqual(['elected', 'lost: expired', 'elected']);
  expect(elector.term).toBeGreaterThan(term - 1n);
  await elector.stop();
});

test('a process that stood still knows at once that it does not lead any more', async () => {
  elector.start();
  await settle();
  expect(elector.isLeader).toBe(true);
  const signal = elector.signal as AbortSignal;
  world.clock.stall(1_100);
  expect(elector.isLeader).toBe(false);
  expect(signal.aborted).toBe(true);
  expect(elector.signal).toBeUndefined();
  await elector.stop();
});

test('after a resignation others have a second, or the ttl, to be elected', async () => {
  elector.start();
  await settle();
  const resigned = elector.resign();
  expect(elector.isLeader).toBe(false);
  await resigned;
  await world.clock.advance(990);
  expect(told).toEqual(['elected']);
  await world.clock.advance(20);
  expect(told).toEqual(['elected', 'elected']);
  await elector.stop();
  expect(told).toEqual(['elected', 'elected']);
});

test('a grant that comes when it has been stopped is given back', async () => {
  world.latencyMs = 10;
  elector.start();
  await world.clock.advance(15);
  const stopped = elector.stop();
  await world.clock.advance(100);
  await stopped;
  expect(told).toEqual([]);
  expect(world.locks.get(HASH)?.owner).toBe('');
  expect(world.clock.timers).toBe(0);
});

test('an observer looks when the lease ends, and at its interval', async () => {
  world.locks.set(HASH, { owner: 'leader', fence: 7, endMs: world.clock.nowMs + 300 });
  const seen: (LeaderInfo | undefined)[] = [];
  const observed = (async () => {
    for await (const leader of elector.observe({ interval: '10s' })) seen.push(leader);
  })();
  await settle();
  expect(seen).toMatchObject([{ term: 7n, remainingMs: 300 }]);
  await world.clock.advance(301);
  expect(seen[1]).toBeUndefined();
  expect(seen).toHaveLength(2);
  world.locks.set(HASH, { owner: 'next', fence: 8, endMs: world.clock.nowMs + 60_000 });
  await world.clock.advance(9_990);
  expect(seen).toHaveLength(2);
  await world.clock.advance(20);
  expect(seen).toHaveLength(3);
  await elector.stop();
  await observed;
  expect(world.clock.timers).toBe(0);
});

test('an observer that cannot ask believes in a leader until the end of its lease', async () => {
  world.locks.set(HASH, { owner: 'leader', fence: 7, endMs: world.clock.nowMs + 1_000 });
  const seen: (bigint | undefined)[] = [];
  const observed = (async () => {
    for await (const leader of elector.observe({ interval: 100 })) seen.push(leader?.term);
  })();
  await settle();
  world.weather = 'refused';
  await world.clock.advance(990);
  expect(seen).toEqual([7n]);
  await world.clock.advance(200);
  expect(seen).toEqual([7n, undefined]);
  expect(told).toEqual(['error: observe']);
  world.weather = undefined;
  world.locks.set(HASH, { owner: 'leader', fence: 7, endMs: world.clock.nowMs + 1_000 });
  await world.clock.advance(200);
  expect(seen).toEqual([7n, undefined, 7n]);
  await elector.stop();
  await observed;
});

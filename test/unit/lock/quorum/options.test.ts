import { expect, test } from 'vitest';
import type { RedisManager } from '../../../../src/client/index.js';
import { DistributedLock, type LockOptions, LockQuorum } from '../../../../src/lock/index.js';
import { World } from '../world.js';
import { Servers } from './servers.js';

function managers(count: number, change: () => object = () => ({})): RedisManager[] {
  return Array.from({ length: count }, (_, index) => {
    return Object.assign(new World({ name: `s${index}` }).process(), change());
  });
}

test.each([
  ['fewer than three servers', managers(2)],
  ['one server twice', [...managers(2), ...managers(1)]],
  ['a cluster', managers(3, () => ({ slotOf: () => 0 }))],
  ['sentinels', managers(3, () => ({ config: { target: { kind: 'sentinel' } } }))],
  ['no list', {} as RedisManager[]],
])('a quorum cannot be made of %s', (_, wrong) => {
  expect(() => new LockQuorum(wrong)).toThrow('quorum.managers');
});

test('a quorum of wrapped clients needs to know that nobody guards against restarts', () => {
  const wrapped = managers(3, () => ({ nodes: () => [] }));
  expect(() => new LockQuorum(wrapped)).toThrow('quorum.restartGuard');
  expect(new LockQuorum(wrapped, { restartGuard: false }).needed).toBe(2);
});

test.each([
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
])('of %i servers %i have to agree', (size, needed) => {
  expect(new Servers(size).quorum()).toMatchObject({ size, needed });
});

test.each([
  [{ maxLease: '5ms' }, 'quorum.maxLease'],
  [{ restartGuard: 1 }, 'quorum.restartGuard'],
  [{ serverTimeout: 0 }, 'quorum.serverTimeout'],
  [{ maxlease: '1s' }, 'did you mean'],
])('the option %o is refused by name', (options, named) => {
  expect(() => new Servers(3).quorum(options as object)).toThrow(named);
});

test.each<[LockOptions, string]>([
  [{ order: 'barge' }, 'lock.order'],
  [{ replicas: { count: 1, timeout: '1s' } }, 'lock.replicas'],
  [{ quarantine: '1s' }, 'lock.quarantine'],
  [{ eviction: 'refuse' }, 'lock.eviction'],
  [{ deadlocks: true }, 'lock.deadlocks'],
])('a lock over a quorum cannot have %o', (options, named) => {
  expect(() => new DistributedLock(new Servers(3).quorum(), 'job', '1s', options)).toThrow(named);
});

test('a lock over a quorum has no longer lease than the longest', () => {
  const quorum = new Servers(3).quorum({ maxLease: '5s' });
  expect(() => new DistributedLock(quorum, 'job', '6s')).toThrow('lock.ttl');
  expect(new DistributedLock(quorum, 'job', '5s').key).toBe('job');
});

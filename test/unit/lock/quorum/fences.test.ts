import { beforeEach, expect, test } from 'vitest';
import { DistributedLock } from '../../../../src/lock/index.js';
import { settle } from '../world.js';
import { Servers } from './servers.js';

const HASH = 'ru:lock:{job}';
let servers: Servers;

beforeEach(() => {
  servers = new Servers(5);
});

function lockOf(): DistributedLock {
  return new DistributedLock(servers.quorum({ restartGuard: false }), 'job', 1_000, { renew: false });
}

function kept(): number[] {
  return servers.worlds.map(({ locks }) => locks.get(HASH)?.fence ?? 0);
}

function only(...indexes: readonly number[]): void {
  for (const [index, world] of servers.worlds.entries())
    world.weather = indexes.includes(index) ? undefined : 'refused';
}

test('a fence is the time in microseconds, and one round is enough for it', async () => {
  const guard = await lockOf().acquire();
  expect(guard.fence).toBe(BigInt(servers.clock.wallMs()) * 1_000n);
  expect(kept()).toEqual(servers.worlds.map(() => Number(guard.fence)));
  expect(servers.at(0).names()).toEqual(['acquire']);
});

test('one clock that is ahead raises the fences of the others, and costs no further rounds', async () => {
  servers.clock.jumpWall(3_600_000);
  const ahead = await lockOf().acquire();
  await ahead.release();
  servers.clock.jumpWall(-3_600_000);
  const next = await lockOf().acquire();
  expect(next.fence).toBe(ahead.fence + 1n);
  expect(servers.at(0).names()).toEqual(['acquire', 'release', 'acquire']);
});

test('a majority keeps the largest before it is told, so that any other majority grants a larger one', async () => {
  const lock = lockOf();
  servers.clock.jumpWall(3_600_000);
  only(0, 1, 2);
  const first = await lock.acquire();
  await first.release();
  servers.clock.jumpWall(-3_600_000);
  only(2, 3, 4);
  const second = await lockOf().acquire();
  expect(second.fence).toBe(first.fence + 1n);
  expect(servers.at(3).names().slice(-2)).toEqual(['acquire', 'raise']);
  expect(kept().slice(2)).toEqual([2, 3, 4].map(() => Number(second.fence)));
  await second.release();
  only(0, 3, 4);
  expect((await lockOf().acquire()).fence).toBe(second.fence + 1n);
});

test('nobody gets a lock on whose fence no majority could agree', async () => {
  const lock = lockOf();
  servers.at(0).locks.set(HASH, { owner: '', fence: 9e15, endMs: 0 });
  for (const index of [1, 2, 3, 4]) servers.at(index).faults.push(undefined, 'lose-request');
  const asked = lock.tryAcquire();
  await settle();
  await Promise.all([expect(asked).rejects.toMatchObject({ code: 'RU_TIMEOUT' }), servers.clock.advance(60)]);
  await servers.clock.advance(2_000);
  expect(servers.owners(HASH).filter(Boolean)).toEqual([]);
});

test('a fence outlives all servers that have kept it, one after another, while its lock is held', async () => {
  servers.clock.jumpWall(3_600_000);
  const ahead = await lockOf().acquire();
  await ahead.release();
  servers.clock.jumpWall(-3_600_000);
  const held = await new DistributedLock(servers.quorum({ restartGuard: false }), 'job', 1_000).acquire();
  for (const world of servers.worlds) {
    world.locks.clear();
    await servers.clock.advance(500);
  }
  expect(held.state).toBe('held');
  await held.release();
  expect((await lockOf().acquire()).fence).toBe(held.fence + 1n);
});

test('fences rise by one process and by several, whatever minority is away', async () => {
  const locks = [lockOf(), lockOf(), lockOf()];
  let last = 0n;
  for (let turn = 0; turn < 30; turn += 1) {
    only(turn % 5, (turn + 1) % 5, (turn + 3) % 5);
    servers.clock.jumpWall(turn % 4 === 0 ? -1_000 : 300);
    const guard = await (locks[turn % 3] as DistributedLock).acquire();
    expect(guard.fence).toBeGreaterThan(last);
    last = guard.fence;
    await guard.release();
  }
});

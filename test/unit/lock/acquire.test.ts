import { beforeEach, describe, expect, test } from 'vitest';
import { ClosedError, ConfigError, ConnectionError, ServerError, TimeoutError } from '../../../src/core/errors.js';
import { DistributedLock, LockTimeoutError } from '../../../src/lock/index.js';
import { settle, World } from './world.js';

let world: World;
let lock: DistributedLock;
const KEY = 'ru:lock:{job}';

beforeEach(() => {
  world = new World();
  lock = new DistributedLock(world.manager, 'job', 1_000);
});

/** Watches a promise without waiting for it. */
function watch<T>(promise: Promise<T>): { state: 'pending' | 'done' | 'failed'; value?: T; error?: unknown } {
  const seen: ReturnType<typeof watch<T>> = { state: 'pending' };
  promise.then(
    (value) => Object.assign(seen, { state: 'done', value }),
    (error: unknown) => Object.assign(seen, { state: 'failed', error }),
  );
  return seen;
}

describe('acquire', () => {
  test('of a free lock is one call, release is one call', async () => {
    const guard = await lock.acquire();
    expect(await guard.release()).toEqual({ status: 'released' });
    expect(world.names()).toEqual(['acquire', 'release']);
  });

  test('waits while another holds the lock, and gets it after the release', async () => {
    const first = await lock.acquire();
    const second = watch(lock.acquire());
    await world.clock.advance(300);
    expect(second.state).toBe('pending');
    await first.release();
    await world.clock.advance(200);
    expect(second.state).toBe('done');
    expect(second.value?.fence).toBe(first.fence + 1n);
  });

  test('asks again right when the lease of a vanished holder ends', async () => {
    world.locks.set(KEY, { owner: 'gone', fence: 7, endMs: world.clock.nowMs + 403 });
    const waiting = watch(lock.acquire());
    await world.clock.advance(403 + 6);
    expect(waiting.value?.fence).toBe(8n);
  });

  test('gives up after its timeout with the facts, and leaves nothing to give back', async () => {
    const first = await lock.acquire();
    const second = watch(lock.acquire({ timeout: 500 }));
    await world.clock.advance(501);
    expect(second.error).toBeInstanceOf(LockTimeoutError);
    expect(second.error).toMatchObject({ code: 'RU_LOCK_TIMEOUT', key: 'job', waitedMs: 500 });
    expect((second.error as LockTimeoutError).attempts).toBeGreaterThan(5);
    expect((second.error as LockTimeoutError).attempts).toBeLessThan(60);
    expect(world.names()).not.toContain('release');
    expect(first.state).toBe('held');
  });

  test('with a timeout of 0 asks once', async () => {
    await lock.acquire();
    await expect(lock.acquire({ timeout: 0 })).rejects.toThrow(LockTimeoutError);
    expect(world.names()).toEqual(['acquire', 'acquire']);
  });

  test('finds out by the same token that a lost reply had granted it', async () => {
    world.faults.push('lose-reply');
    const guard = watch(lock.acquire());
    await world.clock.advance(5_200);
    expect(guard.state).toBe('done');
    const tokens = new Set(world.calls.filter(({ name }) => name === 'acquire').map(({ token }) => token));
    expect(tokens.size).toBe(1);
  });

  test('counts a lease that a lost reply had granted from the grant, not from the repeated question', async () => {
    const long = new DistributedLock(world.manager, 'job', 10_000, { renew: false });
    world.faults.push('cut-after');
    world.latencyMs = 1;
    const guard = watch(long.acquire());
    await world.clock.advance(20);
    expect(guard.value?.fence).toBe(1n);
    const serverLeftMs = (world.locks.get(KEY)?.endMs ?? 0) - world.clock.nowMs;
    expect(guard.value?.remainingMs).toBeLessThan(serverLeftMs);
  });

  test('rides out a connection that is down, within its timeout', async () => {
    world.weather = 'refused';
    const guard = watch(lock.acquire());
    await world.clock.advance(900);
    world.weather = undefined;
    await world.clock.advance(200);
    expect(guard.state).toBe('done');
  });

  test('rejects with the connection error when the server could never be asked', async () => {
    world.weather = 'refused';
    const guard = watch(lock.acquire({ timeout: 400 }));
    await world.clock.advance(401);
    expect(guard.error).toBeInstanceOf(ConnectionError);
    expect(world.names()).not.toContain('release');
  });

  test('that was refused until its time was over says so, also when the last attempt had no time for an answer', async () => {
    await lock.acquire();
    const second = watch(lock.acquire({ timeout: 400 }));
    await world.clock.advance(300);
    world.weather = 'lose-request';
    await world.clock.advance(110);
    expect(second.error).toBeInstanceOf(LockTimeoutError);
  });

  test('gives back what it may hold when its time ends with an unknown outcome', async () => {
    world.weather = 'lose-reply';
    const guard = watch(lock.acquire({ timeout: 300 }));
    await world.clock.advance(250);
    world.weather = undefined;
    await world.clock.advance(60);
    expect(guard.error).toBeInstanceOf(TimeoutError);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('keeps trying to give back until the server answers', async () => {
    world.faults.push('cut-after');
    world.weather = 'refused';
    const guard = watch(lock.acquire({ timeout: 100 }));
    await world.clock.advance(400);
    expect(guard.state).toBe('failed');
    expect(world.locks.get(KEY)?.owner).not.toBe('');
    world.weather = undefined;
    await world.clock.advance(900);
    expect(world.locks.get(KEY)?.owner).toBe('');
    expect(world.reported).toEqual([]);
  });

  test('reports a lock that could not be given back before its lease ended', async () => {
    world.faults.push('cut-after');
    world.weather = 'refused';
    watch(lock.acquire({ timeout: 100 }));
    await world.clock.advance(3_000);
    expect(world.reported.map(({ source }) => source)).toEqual(['lock.withdraw']);
    expect(world.clock.timers).toBe(0);
  });

  test('that is aborted gives back what it may hold, whatever the reason says', async () => {
    world.latencyMs = 10;
    const abort = new AbortController();
    const guard = watch(lock.acquire({ signal: abort.signal }));
    await world.clock.advance(15);
    abort.abort(new ClosedError('Something else'));
    await world.clock.advance(100);
    expect(guard.error).toBe(abort.signal.reason);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('does not send what an aborted signal forbids', async () => {
    const reason = new Error('no longer wanted');
    await expect(lock.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(world.calls).toEqual([]);
  });

  test('aborted while it waits rejects with the reason at once', async () => {
    await lock.acquire();
    const controller = new AbortController();
    const second = watch(lock.acquire({ signal: controller.signal }));
    await world.clock.advance(50);
    controller.abort(new Error('enough'));
    await settle();
    expect(second.error).toBe(controller.signal.reason);
  });

  test('aborted in flight gives back what the server grants afterwards', async () => {
    world.latencyMs = 10;
    const controller = new AbortController();
    const guard = watch(lock.acquire({ signal: controller.signal }));
    await world.clock.advance(5);
    controller.abort(new Error('enough'));
    await settle();
    expect(guard.error).toBe(controller.signal.reason);
    await world.clock.advance(100);
    expect(world.names()).toEqual(['acquire', 'release']);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('refuses a grant of which too little is left, gives it back and asks under a new token', async () => {
    world.faults.push(undefined);
    world.latencyMs = 300;
    const guard = watch(lock.acquire());
    await settle();
    world.latencyMs = 0;
    await world.clock.advance(299);
    world.clock.stall(400);
    await world.clock.advance(301);
    const [first, second] = world.calls.filter(({ name }) => name === 'acquire').map(({ token }) => token);
    if (guard.value === undefined) throw new Error('not acquired');
    expect(world.names().slice(0, 2)).toEqual(['acquire', 'release']);
    expect(second).not.toBe(first);
    expect(guard.value.token).toBe(second);
    expect(guard.value.remainingMs).toBeGreaterThan(500);
  });

  test('reports a key of another type as a configuration error that names it', async () => {
    world.foreign.add(KEY);
    await expect(lock.acquire()).rejects.toThrow(ConfigError);
    await expect(lock.tryAcquire()).rejects.toThrow(KEY);
    expect(world.names()).toEqual(['acquire', 'acquire']);
  });

  test('waits for a server that is still loading, and passes other refusals on', async () => {
    world.faults.push(new ServerError('LOADING dataset', 'EVALSHA'), new ServerError('NOPERM no', 'EVALSHA'));
    const guard = watch(lock.acquire());
    await world.clock.advance(100);
    expect(guard.error).toMatchObject({ replyCode: 'NOPERM' });
    expect(world.names()).toEqual(['acquire', 'acquire', 'release']);
  });
});

describe('tryAcquire', () => {
  test('is one call, whether it gets the lock or not', async () => {
    expect(await lock.tryAcquire()).toBeDefined();
    expect(await lock.tryAcquire()).toBeUndefined();
    expect(world.names()).toEqual(['acquire', 'acquire']);
  });

  test('with a timeout waits so long for its one reply, with 0 as long as any command', async () => {
    world.latencyMs = 50;
    const hasty = watch(lock.tryAcquire({ timeout: 20 }));
    const patient = watch(new DistributedLock(world.manager, 'other', 1_000).tryAcquire({ timeout: 0 }));
    await world.clock.advance(120);
    expect(hasty.error).toBeInstanceOf(TimeoutError);
    expect(patient.value?.state).toBe('held');
  });

  test('does not wait out a lost connection, and gives back what it may hold', async () => {
    world.faults.push('cut-after');
    await expect(lock.tryAcquire()).rejects.toThrow(ConnectionError);
    await settle();
    expect(world.locks.get(KEY)?.owner).toBe('');
  });
});

describe('a manager that closes', () => {
  test('takes back its locks, after telling their holders', async () => {
    const guard = await lock.acquire();
    const told: string[] = [];
    guard.signal.addEventListener('abort', () => told.push(`${world.locks.get(KEY)?.owner === guard.token}`));
    await world.close();
    expect(told).toEqual(['true']);
    expect(world.locks.get(KEY)?.owner).toBe('');
    expect(guard.state).toBe('lost');
    expect(guard.signal.reason).toMatchObject({ reason: 'closed' });
    expect(world.clock.timers).toBe(0);
  });

  test('waits for an acquisition in flight, which gives its grant back', async () => {
    world.latencyMs = 10;
    const guard = watch(lock.acquire());
    const closing = watch(world.close());
    await world.clock.advance(15);
    expect(closing.state).toBe('pending');
    await world.clock.advance(100);
    expect(closing.state).toBe('done');
    expect(guard.error).toBeInstanceOf(ClosedError);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });
});

describe('options', () => {
  test.each([
    ['a ttl below 10 ms', () => new DistributedLock(world.manager, 'k', 9), 'lock.ttl'],
    ['no keys', () => new DistributedLock(world.manager, [], 10), 'lock.key'],
    ['a key that is no text', () => new DistributedLock(world.manager, ['a', 7 as never], 10), 'lock.key[1]'],
    [
      'what is neither yes nor no',
      () => new DistributedLock(world.manager, 'k', 10, { reentrant: 1 as never }),
      'reentrant',
    ],
    ['an empty key', () => new DistributedLock(world.manager, '', 10), 'lock.key'],
    ['an unknown option', () => new DistributedLock(world.manager, 'k', 10, { renw: true } as never), 'renew'],
    [
      'metadata that is no text',
      () => new DistributedLock(world.manager, 'k', 10, { metadata: { a: 1 } as never }),
      'a',
    ],
    ['a maxHold of 0', () => new DistributedLock(world.manager, 'k', 10, { renew: { maxHold: 0 } }), 'maxHold'],
  ])('%s is refused by name', (_, make, name) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(name);
  });

  test('of a call are checked before anything is sent', async () => {
    await expect(lock.acquire({ timeout: -1 })).rejects.toThrow('acquire.timeout');
    await expect(lock.acquire({ signal: {} as never })).rejects.toThrow('acquire.signal');
    await expect(lock.tryAcquire({ wait: 1 } as never)).rejects.toThrow('acquire.wait');
    expect(world.calls).toEqual([]);
  });
});

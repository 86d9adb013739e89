import { beforeEach, describe, expect, test } from 'vitest';
import { BadReplyError, ConfigError, ServerError, TimeoutError } from '../../../src/core/errors.js';
import { DistributedLock, type LockGuard, LockLostError } from '../../../src/lock/index.js';
import { readAnswer } from '../../../src/lock/calls/run-script.js';
import { settle, World } from './world.js';

let world: World;

beforeEach(() => {
  world = new World();
});

const lockOf = (key: string, ttlMs = 1_000): DistributedLock => new DistributedLock(world.manager, key, ttlMs);
const ownerOf = (key: string): string | undefined => world.locks.get(`ru:lock:{${key}}`)?.owner;
const acquireAll = (...keys: string[]): Promise<LockGuard[]> => Promise.all(keys.map((key) => lockOf(key).acquire()));

describe('the calls of one tick', () => {
  test('are one command, of whatever kind and lock, in the order in which they were made', async () => {
    const [a, b, c] = (await acquireAll('a', 'b', 'c')) as [LockGuard, LockGuard, LockGuard];
    expect(world.commands).toBe(1);
    const answers = await Promise.all([
      a.release(),
      lockOf('a', 2_000).tryAcquire(),
      b.extend(),
      lockOf('b').tryAcquire(),
      c.verify(),
      c.release(),
    ]);
    expect(world.commands).toBe(2);
    expect(world.calls.slice(3).map(({ name, key }) => `${name} ${key}`)).toEqual([
      'release ru:lock:{a}',
      'acquire ru:lock:{a}',
      'extend ru:lock:{b}',
      'acquire ru:lock:{b}',
      'verify ru:lock:{c}',
      'release ru:lock:{c}',
    ]);
    expect(answers[0]).toEqual({ status: 'released' });
    expect(answers[1]?.fence).toBe(2n);
    expect(answers[3]).toBeUndefined();
    expect(answers[5]).toEqual({ status: 'released' });
  });

  test('on one lock are decided in order: the first gets it', async () => {
    const [first, second] = await Promise.all([lockOf('a').tryAcquire(), lockOf('a').tryAcquire()]);
    expect(first?.fence).toBe(1n);
    expect(second).toBeUndefined();
    expect(world.commands).toBe(1);
  });

  test('keep their own ttl and token', async () => {
    const guards = await Promise.all([lockOf('a', 1_000).acquire(), lockOf('b', 2_000).acquire()]);
    expect(guards.map(({ remainingMs }) => remainingMs)).toEqual([970, 1_940]);
    expect(guards.map(({ token }) => token)).toEqual([ownerOf('a'), ownerOf('b')]);
  });

  test('that are many, or large, are several commands', async () => {
    const keys = Array.from({ length: 130 }, (_, index) => `k${index}`);
    await acquireAll(...keys);
    expect(world.commands).toBe(2);
    await acquireAll(...keys.slice(0, 3).map((key) => key + 'x'.repeat(60_000)));
    expect(world.commands).toBe(4);
  });

  test('of a manager that closes are sent before it takes no more commands', async () => {
    const guard = await lockOf('a').acquire();
    const release = guard.release();
    await world.close();
    expect(world.names()).toEqual(['acquire', 'release']);
    expect(await release).toEqual({ status: 'released' });
  });
});

describe('a call that fails', () => {
  test('because its key holds another type fails alone', async () => {
    world.foreign.add('ru:lock:{b}');
    const [a, b, c] = await Promise.allSettled([lockOf('a').acquire(), lockOf('b').acquire(), lockOf('c').acquire()]);
    expect([a?.status, c?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(b).toMatchObject({ status: 'rejected', reason: expect.any(ConfigError) as unknown });
    expect(world.commands).toBe(1);
    expect(world.names()).not.toContain('release');
  });

  test('because its key is forbidden fails alone: each is sent by itself, once', async () => {
    world.forbidden.add('ru:lock:{b}');
    const [a, b, c] = await Promise.allSettled([
      lockOf('a').tryAcquire(),
      lockOf('b').tryAcquire(),
      lockOf('c').tryAcquire(),
    ]);
    expect([a?.status, c?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(b).toMatchObject({ reason: { replyCode: 'NOPERM' } });
    expect(world.calls.map(({ command, key }) => `${command} ${key.slice(-3)}`)).toEqual([
      ...['1 {a}', '1 {b}', '1 {c}'],
      ...['2 {a}', '3 {b}', '4 {c}'],
    ]);
  });

  test('with all others of its command has the same error, and is not sent again', async () => {
    const error = new ServerError('OOM command not allowed', 'EVALSHA');
    world.faults.push(error);
    const settled = await Promise.allSettled([lockOf('a').tryAcquire(), lockOf('b').tryAcquire()]);
    expect(settled.map((one) => one.status === 'rejected' && one.reason)).toEqual([error, error]);
    expect(world.calls.filter(({ name }) => name === 'acquire')).toHaveLength(2);
  });

  test('without an answer is not sent again with an unknown outcome', async () => {
    const [a, b] = await acquireAll('a', 'b');
    world.faults.push('cut-after');
    expect(await Promise.all([a?.release(), b?.verify().catch(String)])).toEqual([
      { status: 'unknown' },
      expect.stringContaining('cut'),
    ]);
    expect(world.commands).toBe(2);
  });
});

describe('the wait of one call', () => {
  test('ends by its own timeout, the others wait on', async () => {
    world.latencyMs = 50;
    const hasty = lockOf('a').tryAcquire({ timeout: 20 });
    const patient = lockOf('b').tryAcquire();
    const ended = expect(hasty).rejects.toThrow(TimeoutError);
    await world.clock.advance(21);
    await ended;
    await world.clock.advance(100);
    expect((await patient)?.fence).toBe(1n);
    expect(world.calls[0]?.options).toEqual({ timeout: 5_000 });
    await world.clock.advance(200);
    expect(ownerOf('a')).toBe('');
  });

  test('ends by its own signal, the others wait on', async () => {
    world.latencyMs = 50;
    const controller = new AbortController();
    const aborted = expect(lockOf('a').tryAcquire({ signal: controller.signal })).rejects.toThrow('enough');
    const patient = lockOf('b').tryAcquire();
    await world.clock.advance(10);
    controller.abort(new Error('enough'));
    await aborted;
    await world.clock.advance(300);
    expect((await patient)?.fence).toBe(1n);
    expect(ownerOf('a')).toBe('');
  });

  test('that is aborted in the tick of the call is never sent', async () => {
    const controller = new AbortController();
    const aborted = expect(lockOf('a').tryAcquire({ signal: controller.signal })).rejects.toThrow('enough');
    const other = lockOf('b').tryAcquire();
    controller.abort(new Error('enough'));
    await aborted;
    await other;
    expect(world.calls.filter(({ name }) => name === 'acquire').map(({ key }) => key)).toEqual(['ru:lock:{b}']);
  });

  test('lasts no longer than the lease that it asks about', async () => {
    const [a, b] = (await acquireAll('a', 'b')) as [LockGuard, LockGuard];
    world.weather = 'lose-request';
    const extending = expect(a.extend()).rejects.toThrow(LockLostError);
    const acquiring = lockOf('c').tryAcquire().catch(String);
    await world.clock.advance(980);
    await extending;
    expect(b.state).toBe('lost');
    await world.clock.advance(6_000);
    expect(await acquiring).toContain('no answer within 5000 ms');
  });

  test('leaves no timer and no listener behind', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => ((listeners += 1), add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => ((listeners -= 1), remove(...args));
    const guards = await Promise.all([
      lockOf('a').acquire({ signal, timeout: 100 }),
      lockOf('b').acquire({ signal }),
      lockOf('c').acquire(),
    ]);
    expect(listeners).toBe(0);
    await Promise.all(guards.map((guard) => guard.release()));
    await world.clock.advance(5_000);
    await settle();
    expect(world.clock.timers).toBe(0);
  });
});

describe('a reply that the script cannot give', () => {
  test.each([
    ['acquire', -1],
    ['acquire', null],
    ['acquire', '-5'],
    ['release', 2],
    ['verify', ''],
    ['extend', null],
  ] as const)('%s: %s is refused', (operation, said) => {
    expect(() => readAnswer(operation, [1_000, said, 1_000], 0)).toThrow(BadReplyError);
  });

  test('without a lease end is refused', () => {
    expect(() => readAnswer('verify', [1_000, 1], 0)).toThrow(BadReplyError);
  });
});

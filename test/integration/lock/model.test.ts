import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { lockRun } from '../../../src/lock/calls/lock-script.js';
import { type Answer, type Operation, readAnswer, type RunReply } from '../../../src/lock/calls/run-script.js';
import { connect, raw, rawOnEachNode } from '../../support/target.js';
import { clockPast } from './server-clock.js';

/*
 * The script against a model: batches of calls by three owners on two locks and a key of another type, in any order,
 * with expiry, deletion and flushes in between.
 */

const TTL_MS: Partial<Record<Operation, number>> = { acquire: 50_000, extend: 60_000 };
const LOCKS = ['a', 'b', 'foreign'] as const;

interface Ask {
  readonly operation: Operation;
  readonly lock: (typeof LOCKS)[number];
  readonly token: string;
}

type Event = 'expire' | 'delete' | 'flush-scripts';

interface Model {
  owner: string;
  live: boolean;
  fence: bigint;
}

const ask: fc.Arbitrary<Ask> = fc.record({
  operation: fc.constantFrom<Operation>('acquire', 'acquire', 'release', 'extend', 'verify'),
  lock: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'foreign'),
  token: fc.constantFrom('x', 'y', 'z'),
});
const step: fc.Arbitrary<readonly Ask[] | Event> = fc.oneof(
  { weight: 4, arbitrary: fc.array(ask, { minLength: 1, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom<Event>('expire', 'delete', 'flush-scripts') },
);

async function send(manager: RedisManager, asks: readonly Ask[], keyOf: (lock: string) => string): Promise<RunReply> {
  const keys = asks.map(({ lock }) => keyOf(lock));
  const args = asks.flatMap(({ operation, token }) => [1, operation, TTL_MS[operation] ?? 0, 0, '', '', token]);
  return manager.script(lockRun).run(keys, ['', 1, ...args]);
}

function standing({ owner, live }: Model, token: string): string {
  if (owner !== token) return owner === '' ? 'expired' : 'stolen';
  return live ? 'held' : 'expired';
}

function checkAnswer(model: Model, { operation, token }: Ask, answer: Answer): void {
  if (operation === 'acquire') {
    expect(answer.leaseMs).toBeGreaterThan(40_000);
    if (model.live && model.owner !== token) return expect(answer.fence).toBeUndefined();
    if (model.live) return expect(answer.fence).toBe(model.fence);
    expect(answer.fence).toBeGreaterThan(model.fence);
    Object.assign(model, { owner: token, live: true, fence: answer.fence });
    return;
  }
  if (operation !== 'release') return expect(answer.standing).toBe(standing(model, token));
  expect(answer.standing).toBe(standing({ ...model, live: true }, token));
  if (model.owner === token) Object.assign(model, { owner: '', live: false });
}

async function befall(event: Event, key: string, model: Model): Promise<void> {
  if (event === 'flush-scripts') return void (await rawOnEachNode(['SCRIPT', 'FLUSH']));
  if (event === 'expire') {
    if (model.owner === '') return;
    model.live = false;
    return void (await raw(['HSET', key, 'x', '1']));
  }
  Object.assign(model, { owner: '', live: false });
  await raw(['DEL', key]);
  await clockPast(model.fence);
}

test('the script agrees with its model, fences rise through every loss', async () => {
  const manager = await connect();
  let round = 0;
  const check = async (steps: readonly (readonly Ask[] | Event)[]): Promise<void> => {
    round += 1;
    const keyOf = (lock: string): string => manager.keySpace('lock').key(`{${round}}${lock}`);
    const models = new Map<string, Model>(LOCKS.map((lock) => [lock, { owner: '', live: false, fence: 0n }]));
    const modelOf = (lock: string): Model => models.get(lock) as Model;
    await raw(['SET', keyOf('foreign'), 'mine', 'PX', 60_000]);
    for (const asks of steps) {
      if (typeof asks === 'string') {
        await befall(asks, keyOf('a'), modelOf('a'));
        continue;
      }
      const reply = await send(manager, asks, keyOf);
      expect(reply).toHaveLength(1 + 2 * asks.length);
      for (const [index, one] of asks.entries()) {
        const read = (): Answer => readAnswer(one.operation, reply, index);
        if (one.lock === 'foreign') expect(read).toThrow(expect.objectContaining({ replyCode: 'WRONGTYPE' }));
        else checkAnswer(modelOf(one.lock), one, read());
      }
    }
    expect(await raw(['GET', keyOf('foreign')])).toBe('mine');
    for (const lock of ['a', 'b']) {
      if (Number(await raw(['EXISTS', keyOf(lock)])) === 0 || modelOf(lock).fence === 0n) continue;
      expect(Number(await raw(['PTTL', keyOf(lock)]))).toBeGreaterThan(3_600_000);
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 20 }), check), { numRuns: 40 });
});

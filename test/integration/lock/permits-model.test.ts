import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { type Answer, type Operation, readAnswer } from '../../../src/lock/calls/run-script.js';
import { permitsRun } from '../../../src/lock/permits/permits-script.js';
import { connect, raw, rawOnEachNode } from '../../support/target.js';
import { type Outcome, PoolModel, type Shape, weightOf } from './pool-model.js';
import { clockPast } from './server-clock.js';

/*
 * The script against a model: batches of calls by five tokens on one semaphore or read-write lock, in any order, with
 * leases and waits that end, those who wait deaf or not, deletion and flushes in between. After each batch the hash says
 * what the model says: who holds what, who waits, in which order.
 */

/** Leases end in another order than they began in. */
const ttlOf = (token: string): number => (token < 'c' ? 90_000 : 50_000);
const TOKENS = ['a', 'b', 'c', 'd', 'e'];

interface Ask {
  readonly operation: Operation;
  readonly token: string;
  readonly shape: Shape;
  readonly waits: boolean;
}
interface Event {
  readonly event: 'lease ends' | 'wait ends' | 'delete' | 'flush scripts' | 'deaf' | 'hearing';
  readonly token: string;
}
type Step = readonly Ask[] | Event;

function steps(shapes: readonly Shape[]): fc.Arbitrary<Step[]> {
  const token = fc.constantFrom(...TOKENS);
  const ask: fc.Arbitrary<Ask> = fc.record({
    operation: fc.oneof(
      { weight: 6, arbitrary: fc.constant<Operation>('acquire') },
      { weight: 5, arbitrary: fc.constant<Operation>('release') },
      { weight: 2, arbitrary: fc.constantFrom<Operation>('barge', 'extend', 'verify') },
      { weight: 1, arbitrary: fc.constant<Operation>('force') },
    ),
    token,
    shape: fc.constantFrom(...shapes),
    waits: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  });
  const event: fc.Arbitrary<Event> = fc.record({
    event: fc.constantFrom('lease ends', 'lease ends', 'wait ends', 'delete', 'flush scripts', 'deaf', 'hearing'),
    token,
  });
  return fc.array(
    fc.oneof({ weight: 4, arbitrary: fc.array(ask, { minLength: 1, maxLength: 5 }) }, { weight: 1, arbitrary: event }),
    { maxLength: 30, size: 'max' },
  );
}

/** One of them, on the server and in the model. */
class Trial {
  readonly #model = new PoolModel();
  readonly #manager: RedisManager;
  readonly #key: string;
  #highest = 0n;
  readonly #fences = new Map<string, bigint>();

  constructor(manager: RedisManager, key: string) {
    this.#manager = manager;
    this.#key = key;
  }

  async take(step: Step): Promise<void> {
    if ('event' in step) await this.#befall(step);
    else await this.#send(step);
    await this.#compare();
  }

  async #send(asks: readonly Ask[]): Promise<void> {
    const grants = (operation: Operation): boolean => operation === 'acquire' || operation === 'barge';
    const args = asks.flatMap(({ operation, token, shape, waits }) => {
      const ttlMs = grants(operation) || operation === 'extend' ? ttlOf(token) : 0;
      const waitMs = grants(operation) && waits ? 60_000 : 0;
      return [1, operation, ttlMs, waitMs, grants(operation) ? shape : '', '', operation === 'force' ? '' : token];
    });
    const keys = asks.map(() => this.#key);
    const counted = this.#model.isDeaf ? 1 : 0;
    const reply = await this.#manager.script(permitsRun).run(keys, ['nobody', counted, ...args]);
    for (const [index, ask] of asks.entries()) {
      this.#check(ask, readAnswer(ask.operation, reply, index));
      for (const token of this.#fences.keys()) if (!this.#model.holders.has(token)) this.#fences.delete(token);
    }
  }

  #check({ operation, token, shape, waits }: Ask, answer: Answer): void {
    if (operation === 'acquire' || operation === 'barge') {
      const known = this.#fences.get(token);
      const outcome = this.#model.acquire({ token, shape, waits, barges: operation === 'barge' });
      expect(outcomeOf(answer, outcome)).toBe(outcome);
      if (outcome === 'held already' && known !== undefined) expect(answer.fence).toBe(known);
      if (answer.fence !== undefined) this.#fences.set(token, answer.fence);
    } else if (operation === 'release') expect(answer.standing).toBe(this.#model.release(token));
    else if (operation === 'force') expect(answer.standing).toBe(this.#model.force());
    else expect(answer.standing).toBe(this.#model.verify(token));
  }

  async #befall({ event, token }: Event): Promise<void> {
    if (event === 'flush scripts') await rawOnEachNode(['SCRIPT', 'FLUSH']);
    else if (event === 'deaf' || event === 'hearing') this.#model.isDeaf = event === 'deaf';
    else if (event === 'delete') {
      this.#model.forget();
      await raw(['DEL', this.#key]);
      await clockPast(this.#highest);
    } else if (event === 'lease ends') {
      const holder = this.#model.holders.get(token);
      if (holder === undefined) return;
      holder.isLive = false;
      const held = String(await raw(['HGET', this.#key, `o${token}`]));
      await raw(['HSET', this.#key, `o${token}`, held.replace(/^\d+/, '1'), 'e', '1']);
    } else {
      const waiter = this.#model.queue.find((one) => one.token === token);
      if (waiter === undefined) return;
      waiter.isOver = true;
      const field = `w${String(await raw(['HGET', this.#key, `q${token}`]))}`;
      const said = String(await raw(['HGET', this.#key, field]));
      await raw(['HSET', this.#key, field, said.replace(/^(\S+ \S+ \d+) \d+/, '$1 1')]);
    }
  }

  async #compare(): Promise<void> {
    const pairs = (await raw(['HGETALL', this.#key])) as string[] | Record<string, string>;
    const hash = new Map(Array.isArray(pairs) ? pairs.flatMap((_, at) => entry(pairs, at)) : Object.entries(pairs));
    const holders: [string, number][] = [];
    const before = this.#highest;
    for (const [field, held] of hash) {
      if (!field.startsWith('o')) continue;
      const [leaseEnd, weight, fence = '0'] = held.split(' ');
      expect(Number(hash.get('e'))).toBeLessThanOrEqual(Number(leaseEnd));
      const token = field.slice(1);
      holders.push([token, Number(weight)]);
      const known = this.#fences.get(token);
      if (known !== BigInt(fence)) expect(BigInt(fence)).toBeGreaterThan(before);
      this.#fences.set(token, BigInt(fence));
      if (BigInt(fence) > this.#highest) this.#highest = BigInt(fence);
    }
    const expected = [...this.#model.holders].map(([token, { shape }]): [string, number] => [token, weightOf(shape)]);
    expect(new Map(holders)).toEqual(new Map(expected));
    expect(Number(hash.get('u') ?? 0)).toBe(this.#model.used);
    const queue = [...hash.keys()].filter((field) => /^w\d+$/.test(field));
    const inOrder = queue.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
    expect(inOrder.map((field) => hash.get(field)?.split(' ')[0])).toEqual(
      this.#model.queue.map((waiter) => waiter.token),
    );
    for (const field of inOrder) expect(hash.get(`q${hash.get(field)?.split(' ')[0]}`)).toBe(field.slice(1));
    expect([...hash.keys()].filter((field) => field.startsWith('q'))).toHaveLength(queue.length);
    if (queue.length > 0) expect(hash.has('h') && hash.has('t')).toBe(true);
    if (hash.has('f')) {
      expect(BigInt(hash.get('f') ?? 0)).toBeGreaterThanOrEqual(this.#highest);
      this.#highest = BigInt(hash.get('f') ?? 0);
      expect(Number(await raw(['PTTL', this.#key]))).toBeGreaterThan(3_600_000);
    }
  }
}

function entry(pairs: readonly string[], at: number): [string, string][] {
  return at % 2 === 0 ? [[pairs[at] as string, pairs[at + 1] as string]] : [];
}

/** What an answer says, in the words of the model; what it cannot tell apart as the model has it. */
function outcomeOf({ fence, rank, leaseMs }: Answer, model: Outcome): Outcome {
  if (fence === undefined) return rank === undefined ? 'refused' : 'queued';
  if (model === 'held already') return model;
  return leaseMs > 1_000 ? 'granted' : 'claimed';
}

test.each([
  ['semaphore', ['1/3', '1/3', '2/3', '3/3', '1/2']],
  ['rwlock', ['read', 'read', 'write']],
])('the script agrees with its model: %s', async (module, shapes) => {
  const manager = await connect();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(steps(shapes), async (taken) => {
      round += 1;
      const trial = new Trial(manager, manager.keySpace(module).key(`k${round}`));
      for (const step of taken) await trial.take(step);
    }),
    { numRuns: 100 },
  );
});

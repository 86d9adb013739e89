import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import type { MessageSink } from '../../../src/client/subscriptions/subscriber.js';
import { lockRun } from '../../../src/lock/calls/lock-script.js';
import {
  type Answer,
  CLAIM_MS,
  type Operation,
  readAnswer,
  type RunReply,
} from '../../../src/lock/calls/run-script.js';
import { eventually } from '../../support/eventually.js';
import { connect, raw, rawOnEachNode } from '../../support/target.js';
import { type Ask, type Expected, LockModel } from './lock-model.js';
import { clockPast, serverMs } from './server-clock.js';

/*
 * The script against a model: batches of calls by four owners in three processes on two locks and a key of another type,
 * in any order, with leases and waits that end, deletion and flushes in between, and processes that listen or do not.
 */

const TTL_MS: Partial<Record<Operation, number>> = { acquire: 50_000, barge: 50_000, extend: 60_000 };
const WAIT_MS = 60_000;
const PROCESSES = 3;

type Name = 'a' | 'b' | 'foreign';
type Call = Omit<Ask, 'channel'> & { readonly lock: Name };
interface Batch {
  readonly process: number;
  readonly calls: readonly Call[];
}
type Event = 'expire' | 'waits-end' | 'delete' | 'flush-scripts';
interface Listening {
  readonly process: number;
  readonly listens: boolean;
}
type Step = Batch | Event | Listening;

const process = fc.nat(PROCESSES - 1);
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Operation>('acquire') },
  { weight: 3, arbitrary: fc.constant<Operation>('release') },
  { weight: 1, arbitrary: fc.constantFrom<Operation>('barge', 'barge', 'extend', 'verify', 'force') },
);
const call: fc.Arbitrary<Call> = fc.record({
  operation: anyOperation,
  lock: often<Name>('a', 'b', 'foreign'),
  token: fc.constantFrom('w', 'x', 'y', 'z'),
  waits: often(true, false),
  metadata: fc.constantFrom('', '{"in":"two words"}'),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ process, calls: fc.array(call, { minLength: 1, maxLength: 5 }) }) },
  { weight: 3, arbitrary: often<Event>('expire', 'waits-end', 'delete', 'flush-scripts') },
  { weight: 1, arbitrary: fc.record({ process, listens: fc.boolean() }) },
);

function often<T>(value: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, ...others.map((other) => fc.constant(other)));
}

/** What one process is told. */
class Ears implements MessageSink {
  readonly channel: string;
  readonly heard: string[] = [];
  readonly expected: string[] = [];
  readonly #manager: RedisManager;
  #handle: { release(): Promise<void> } | undefined;

  constructor(manager: RedisManager, channel: string) {
    this.#manager = manager;
    this.channel = channel;
  }

  get listens(): boolean {
    return this.#handle !== undefined;
  }

  async listen(listens: boolean): Promise<void> {
    if (listens === this.listens) return;
    await eventually(() => expect(this.told).toEqual(this.expected), { within: '2s' });
    const released = this.#handle?.release();
    this.#handle = undefined;
    await released;
    if (listens) this.#handle = await this.#manager.subscriber.subscribe({ kind: 'channel', name: this.channel }, this);
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    this.heard.push(String(payload));
  }

  onLost(): void {}
  onRestored(): void {}
  onFailed(): void {}

  /** Without times and fences, of which the model knows nothing. */
  get told(): string[] {
    return this.heard.map((message) => {
      const [kind, ...words] = message.split(' ');
      if (kind === 'g') return `g ${words[0]}`;
      return kind === 'l' ? `l ${words[2]}` : message;
    });
  }
}

class Run {
  readonly #manager: RedisManager;
  readonly #ears: readonly Ears[];
  readonly #locks: ReadonlyMap<Name, LockModel>;
  readonly #fences = new Map<Name, bigint>([
    ['a', 0n],
    ['b', 0n],
  ]);
  readonly #round: number;

  constructor(manager: RedisManager, round: number) {
    this.#manager = manager;
    this.#round = round;
    this.#ears = Array.from({ length: PROCESSES }, (_, n) => new Ears(manager, `${this.keyOf('a')}:${n}`));
    const earsOf = (channel: string): Ears => this.#ears.find((ears) => ears.channel === channel) as Ears;
    const messages = {
      isHeard: manager.slotOf === undefined ? (channel: string) => earsOf(channel).listens : undefined,
      tell: (channel: string, message: string) => {
        if (earsOf(channel).listens) earsOf(channel).expected.push(message);
      },
    };
    this.#locks = new Map([
      ['a', new LockModel(messages)],
      ['b', new LockModel(messages)],
    ]);
  }

  keyOf(name: string): string {
    return this.#manager.keySpace('lock').key(`{${this.#round}}${name}`);
  }

  async begin(): Promise<void> {
    await raw(['SET', this.keyOf('foreign'), 'mine', 'PX', 60_000]);
    for (const ears of this.#ears.slice(1)) await ears.listen(true);
  }

  async take(action: Step): Promise<void> {
    if (typeof action === 'string') await this.#befall(action);
    else if ('listens' in action) await this.#listen(action);
    else await this.#call(action);
    for (const [name, lock] of this.#locks) await this.#compare(name, lock);
  }

  async end(): Promise<void> {
    expect(await raw(['GET', this.keyOf('foreign')])).toBe('mine');
    for (const ears of this.#ears) await ears.listen(false);
  }

  async #listen({ process: n, listens }: Listening): Promise<void> {
    // in a cluster it makes no difference, and who begins to listen may hear what was said before at another node
    if (this.#manager.slotOf === undefined) await this.#ears[n]?.listen(listens);
  }

  async #befall(event: Event): Promise<void> {
    const lock = this.#locks.get('a') as LockModel;
    const key = this.keyOf('a');
    if (event === 'flush-scripts') return void (await rawOnEachNode(['SCRIPT', 'FLUSH']));
    if (event === 'expire') {
      lock.expire();
      if (lock.owner !== '') await raw(['HSET', key, 'x', '1']);
    } else if (event === 'waits-end') {
      for (const waiter of lock.queue ?? []) if (waiter !== undefined) waiter.isOver = true;
      for (const [field, value] of Object.entries(await this.#hash(key))) {
        const over = value.replace(/^(\S+ \S+ \d+) \d+/, '$1 1');
        if (/^w\d+$/.test(field)) await raw(['HSET', key, field, over]);
      }
    } else {
      lock.delete();
      await raw(['DEL', key]);
      await clockPast(this.#fences.get('a') as bigint);
    }
  }

  async #call({ process: n, calls }: Batch): Promise<void> {
    const { channel } = this.#ears[n] as Ears;
    const counted = this.#manager.slotOf === undefined ? 1 : 0;
    const args = calls.flatMap(({ operation, token, waits, metadata }) => {
      const takes = operation === 'acquire' || operation === 'barge';
      const text = takes || operation === 'force' ? metadata : '';
      const about = [TTL_MS[operation] ?? 0, takes && waits ? WAIT_MS : 0, '', text];
      return [1, operation, ...about, operation === 'force' ? '' : token];
    });
    const keys = calls.map(({ lock }) => this.keyOf(lock));
    const reply = await this.#manager.script(lockRun).run(keys, [channel, counted, ...args]);
    expect(reply).toHaveLength(1 + 2 * calls.length);
    for (const [index, one] of calls.entries()) this.#check({ ...one, channel }, reply, index);
    await this.#prolong(reply[0]);
  }

  #check(ask: Call & Ask, reply: RunReply, index: number): void {
    const read = (): Answer => readAnswer(ask.operation, reply, index);
    const lock = this.#locks.get(ask.lock);
    if (lock === undefined) return expect(read).toThrow(expect.objectContaining({ replyCode: 'WRONGTYPE' }));
    const expected = lock.answer(ask);
    this.#checkAnswer(ask.lock, { expected, answer: read(), isHandedOver: lock.isClaim });
  }

  #checkAnswer(name: Name, { expected, answer, isHandedOver }: Said): void {
    const { fence, rank, standing } = answer;
    const last = this.#fences.get(name) as bigint;
    if (expected === 'granted') {
      expect(fence).toBeGreaterThan(last);
      expect(answer.leaseMs).toBe(isHandedOver ? CLAIM_MS : TTL_MS.acquire);
      this.#fences.set(name, fence as bigint);
    } else if (expected === 'granted before') expect(fence).toBeGreaterThanOrEqual(last);
    else if (expected === 'refused') expect({ fence, rank }).toEqual({ fence: undefined, rank: undefined });
    else if (typeof expected === 'number') expect({ fence, rank }).toEqual({ fence: undefined, rank: expected });
    else expect(standing).toBe(expected);
  }

  /** Claims last for a second, which the test may take: so their end is looked at, and put off. */
  async #prolong(nowMs: number): Promise<void> {
    for (const [name, lock] of this.#locks) {
      if (!lock.isLive) continue;
      const key = this.keyOf(name);
      const leftMs = Number(await raw(['HGET', key, 'x'])) - nowMs;
      if (lock.isClaim) expect(leftMs).toBeLessThanOrEqual(CLAIM_MS);
      else expect(leftMs).toBeGreaterThan(CLAIM_MS);
      if (lock.isClaim) await raw(['HSET', key, 'x', String((await serverMs()) + 50_000)]);
      lock.isClaim = false;
    }
  }

  async #hash(key: string): Promise<Record<string, string>> {
    const reply = (await raw(['HGETALL', key])) as readonly string[] | Readonly<Record<string, string>>;
    if (!Array.isArray(reply)) return { ...(reply as Record<string, string>) };
    return Object.fromEntries(reply.flatMap((field: string, n) => (n % 2 === 0 ? [[field, reply[n + 1]]] : [])));
  }

  /** The hash holds what the model says, and nothing of a queue where nobody waits. */
  async #compare(name: Name, lock: LockModel): Promise<void> {
    const { o = '', f, x, m, n, h, t, ...queue } = await this.#hash(this.keyOf(name));
    expect(o).toBe(lock.owner);
    if (f !== undefined) {
      expect(BigInt(f)).toBeGreaterThanOrEqual(this.#fences.get(name) as bigint);
      this.#fences.set(name, BigInt(f));
      expect(Number(x)).toBeGreaterThan(0);
      expect(Number(await raw(['PTTL', this.keyOf(name)]))).toBeGreaterThan(3_600_000);
    }
    if (lock.isLive) expect([n, m ?? '']).toEqual([lock.channel, lock.metadata]);
    expect(Number(t ?? 0) - Number(h ?? 0)).toBe(lock.queue?.length ?? 0);
    if (lock.queue === undefined) expect([h, t]).toEqual([undefined, undefined]);
    const fields: Record<string, unknown> = {};
    for (const [place, waiter] of (lock.queue ?? []).entries()) {
      if (waiter === undefined) continue;
      const ticket = Number(h) + place;
      fields[`q${waiter.token}`] = String(ticket);
      const until = waiter.isOver ? '1' : String.raw`\d{13}`;
      const metadata = waiter.metadata.replaceAll(/[{}]/g, String.raw`\$&`);
      fields[`w${ticket}`] = expect.stringMatching(
        new RegExp(`^${waiter.token} \\S+:${waiter.channel.at(-1)} 50000 ${until} \\d{13} ${metadata}$`),
      );
    }
    expect(queue).toEqual(fields);
  }
}

interface Said {
  readonly expected: Expected;
  readonly answer: Answer;
  readonly isHandedOver: boolean;
}

test(
  'the script agrees with its model of locks and queues, fences rise through every loss',
  { timeout: 60_000 },
  async () => {
    const manager = await connect();
    let round = 0;
    const check = async (steps: readonly Step[]): Promise<void> => {
      round += 1;
      const run = new Run(manager, round);
      await run.begin();
      for (const action of steps) await run.take(action);
      await run.end();
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), check), {
      numRuns: 300,
      interruptAfterTimeLimit: 10_000,
    });
  },
);

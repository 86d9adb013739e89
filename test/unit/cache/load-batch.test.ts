import { expect, test } from 'vitest';
import { LoadBatch } from '../../../src/cache/loads/load-batch.js';
import type { Seat } from '../../../src/cache/loads/round.js';
import type { LoadContext } from '../../../src/cache/index.js';
import { ManualClock } from '../../support/manual-clock.js';

function open(options: { clock?: ManualClock; maxBatch?: number } = {}) {
  const asked: number[][] = [];
  const load = (ids: number[]): Map<number, string> => {
    asked.push(ids);
    return new Map(ids.map((id) => [id, `loaded ${id}`]));
  };
  const batch = new LoadBatch<number>({ load, path: 'load', maxBatch: Number.POSITIVE_INFINITY, ...options });
  return { asked, join: (count: number) => Array.from({ length: count }, () => batch.join()) as [Seat<number>] };
}

function about(id: number, signal = new AbortController().signal): LoadContext {
  return { key: String(id), signal } as LoadContext;
}

/** When all that is due in this turn has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

test('what a round is to load waits for those who have not decided, and goes together, as it was asked for', async () => {
  const { asked, join } = open();
  const [one, two, three] = join(3) as Seat<number>[];
  const loads = [two?.load(2, about(2)), three?.load(3, about(3))];
  await turn();
  expect(asked).toEqual([]);
  loads.push(one?.load(1, about(1)));
  expect(await Promise.all(loads)).toEqual(['loaded 2', 'loaded 3', 'loaded 1']);
  expect(asked).toEqual([[1, 2, 3]]);
});

test('a round takes the calls of its tick, those that promises lead to included, and no others', async () => {
  const { asked, join } = open();
  const late = await new Promise<Seat<number>>((resolve) => {
    setImmediate(() => {
      void join(1)[0].load(1, about(1));
      void Promise.resolve().then(() => resolve(join(1)[0]));
    });
  });
  await turn();
  expect(asked).toEqual([]);
  void join(1)[0].load(3, about(3));
  await turn();
  expect(asked).toEqual([[3]]);
  void late.load(2, about(2));
  await turn();
  expect(asked).toEqual([[3], [1, 2]]);
});

test('a call that decides twice is counted once', async () => {
  const { asked, join } = open();
  const [one, two] = join(3) as Seat<number>[];
  one?.decided();
  one?.decided();
  void two?.load(2, about(2));
  await turn();
  expect(asked).toEqual([]);
});

test('with a clock they wait for 10 ms, or once more for as long as it has taken so far', async () => {
  const clock = new ManualClock();
  const { asked, join } = open({ clock });
  const [quick] = join(2);
  const slow = join(2);
  void quick.load(1, about(1));
  clock.advance(9);
  await turn();
  expect(asked).toEqual([]);
  clock.advance(1);
  await turn();
  await turn();
  expect(asked).toEqual([[1]]);
  const [later, last] = join(2) as Seat<number>[];
  clock.advance(40);
  void later?.load(2, about(2));
  clock.advance(39);
  await turn();
  expect(asked).toEqual([[1]]);
  // what comes to load in a round that is over goes by itself
  void slow[0].load(3, about(3));
  await turn();
  expect(asked).toEqual([[1], [3]]);
  last?.decided();
  await turn();
  expect(asked).toEqual([[1], [3], [2]]);
  expect(clock.armed).toBe(0);
});

test('a full batch waits for nobody', async () => {
  const { asked, join } = open({ maxBatch: 2 });
  const [one, two, three] = join(4) as Seat<number>[];
  void one?.load(1, about(1));
  void two?.load(2, about(2));
  void three?.load(3, about(3));
  await turn();
  expect(asked).toEqual([[1, 2]]);
});

test('two loads of one key are two calls, each with a say of its own', async () => {
  const { asked, join } = open();
  const [one, two, three] = join(3) as Seat<number>[];
  const loads = [one?.load(1, about(1)), two?.load(1, about(1)), three?.load(2, about(2))];
  expect(await Promise.all(loads)).toEqual(['loaded 1', 'loaded 1', 'loaded 2']);
  expect(asked).toEqual([[1], [1, 2]]);
});

test('what nobody waits for any more is not loaded', async () => {
  const { asked, join } = open();
  const [one, two] = join(2) as Seat<number>[];
  const caller = new AbortController();
  const given = one?.load(1, about(1, caller.signal));
  const outcome = expect(given).rejects.toThrow('the caller has left');
  caller.abort(new Error('the caller has left'));
  expect(await two?.load(2, about(2))).toBe('loaded 2');
  await outcome;
  expect(asked).toEqual([[2]]);
});

import { expect, test } from 'vitest';
import { type Invalidation, Journal } from '../../../src/cache/journal/journal.js';
import { ServerError, TimeoutError } from '../../../src/core/errors.js';
import { systemRandom } from '../../../src/core/random.js';
import { ManualClock } from '../../support/manual-clock.js';
import { noLeaks } from '../../support/no-leaks.js';

noLeaks();

const AWAY = new TimeoutError('delete', 5);

/** A journal of a store that answers as the test says. */
function setUp() {
  const clock = new ManualClock();
  const store = { isDown: true, failure: AWAY as Error | undefined, sent: [] as string[], cleared: [] as string[] };
  const hooks: (() => Promise<void>)[] = [];
  const reported: unknown[] = [];
  const journal = new Journal({
    clock,
    random: systemRandom,
    isDown: () => store.isDown,
    clear: async (epochKey) => void store.cleared.push(epochKey),
    report: (error) => reported.push(error),
    beforeClose: (last) => {
      hooks.push(last);
      return () => {};
    },
  });
  const invalidation = (id: string, epochKey = 'epoch'): Invalidation => ({
    id,
    epochKey,
    send: async () => {
      store.sent.push(id);
      if (store.failure !== undefined) throw store.failure;
    },
  });
  return { journal, clock, store, hooks, reported, invalidation };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what failed is sent before the next read, of several about one thing the last, and then is done', async () => {
  const { journal, store, invalidation } = setUp();
  expect(journal.sendFirst()).toBeUndefined();
  for (const id of ['a', 'b', 'a']) journal.add(invalidation(id), AWAY);
  store.isDown = false;
  store.failure = undefined;
  expect(journal.sendFirst()).toBeUndefined();
  expect(store.sent).toEqual(['a', 'b']);
  await settle();
  expect(journal.stats()).toEqual({ pending: 0, replayed: 2 });
  await journal.close();
});

test('while the store is away reads do not try it each, and are not sent past what waits', async () => {
  const { journal, clock, store, invalidation } = setUp();
  journal.add(invalidation('a'), AWAY);
  for (let read = 0; read < 1_000; read += 1) {
    expect(journal.sendFirst()).toBe(AWAY);
    if (read % 100 === 0) clock.advance(1);
  }
  expect(store.sent).toEqual([]);
  clock.advance(50);
  expect(journal.sendFirst()).toBeUndefined();
  await settle();
  expect(store.sent).toEqual(['a']);
  expect(journal.sendFirst()).toBe(AWAY);
  store.isDown = false;
  expect(journal.sendFirst()).toBeUndefined();
  await journal.close();
});

test('what nobody reads is sent by itself, again and again, ever more seldom', async () => {
  const { journal, clock, store, invalidation } = setUp();
  journal.add(invalidation('a'), AWAY);
  for (let passedMs = 0; passedMs < 60_000; passedMs += 100) {
    clock.advance(100);
    await settle();
  }
  expect(store.sent.length).toBeGreaterThan(10);
  expect(store.sent.length).toBeLessThan(60);
  store.failure = undefined;
  clock.advance(5_000);
  await settle();
  expect(journal.stats().pending).toBe(0);
});

test('what is refused for good is given up and reported, and what has become needless is not sent', async () => {
  const { journal, store, reported, invalidation } = setUp();
  const refusal = new ServerError('NOPERM no', 'UNLINK');
  journal.add(invalidation('never'), refusal);
  expect(journal.stats().pending).toBe(0);
  journal.add(invalidation('a'), AWAY);
  journal.add(invalidation('b'), AWAY);
  journal.drop('b');
  store.isDown = false;
  store.failure = refusal;
  journal.sendFirst();
  await settle();
  expect([store.sent, reported, journal.stats().pending]).toEqual([['a'], [refusal], 0]);
});

test('more than it holds become one for each namespace', async () => {
  const { journal, store, invalidation } = setUp();
  for (let index = 0; index < 10_001; index += 1) journal.add(invalidation(`k${index}`, `epoch${index % 2}`), AWAY);
  expect(journal.stats().pending).toBe(3);
  store.isDown = false;
  store.failure = undefined;
  journal.sendFirst();
  await settle();
  expect([store.cleared, store.sent]).toEqual([['epoch0', 'epoch1'], ['k10000']]);
});

test('its end, or that of the connection, sends what is left for the last time', async () => {
  const { journal, store, hooks, invalidation } = setUp();
  journal.add(invalidation('a'), AWAY);
  expect(hooks).toHaveLength(1);
  await hooks[0]?.();
  expect(store.sent).toEqual(['a']);
  journal.add(invalidation('b'), AWAY);
  expect(journal.stats().pending).toBe(0);
});

import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/index.js';
import { LeaderElector, type LeaderElectorOptions, type LeaderInfo } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';

noLeaks();

async function elector(
  options: LeaderElectorOptions = {},
  manager?: RedisManager,
): Promise<{ elector: LeaderElector; manager: RedisManager }> {
  const own = manager ?? (await connect());
  const made = new LeaderElector(own, 'office', { ttl: '10s', ...options });
  afterThisTest(() => made.stop());
  return { elector: made, manager: own };
}

/** Candidates of processes of their own. */
async function candidates(count: number): Promise<LeaderElector[]> {
  const prefix = uniquePrefix();
  const made = Array.from({ length: count }, (_, index) =>
    elector({ prefix, metadata: { name: `candidate ${index}` } }),
  );
  return (await Promise.all(made)).map((each) => each.elector);
}

async function leads(candidate: LeaderElector): Promise<void> {
  await eventually(() => expect(candidate.isLeader).toBe(true));
}

/** What an observer has seen so far. */
function watch(observer: LeaderElector): { seen: (string | undefined)[]; terms: bigint[]; ended: Promise<void> } {
  const seen: (string | undefined)[] = [];
  const terms: bigint[] = [];
  const look = async (): Promise<void> => {
    for await (const leader of observer.observe({ interval: 20 })) {
      seen.push(leader?.metadata['name']);
      if (leader !== undefined) terms.push(leader.term);
    }
  };
  return { seen, terms, ended: look() };
}

describe('of many candidates', () => {
  test('at most one leads, one after another, in terms that rise', async () => {
    const all = await candidates(4);
    const terms: bigint[] = [];
    const leaders: number[] = [];
    for (const candidate of all) {
      candidate.on('elected', ({ fence }) => {
        leaders.push(all.filter(({ isLeader }) => isLeader).length);
        terms.push(fence);
      });
      candidate.start();
    }
    for (let turn = 1; turn <= 8; turn += 1) {
      await eventually(() => expect(terms).toHaveLength(turn));
      const leader = all.find(({ isLeader }) => isLeader);
      expect(leader?.term).toBe(terms.at(-1));
      await leader?.resign();
    }
    expect(terms).toEqual([...new Set(terms)].toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(leaders)).toEqual(new Set([1]));
  });

  test('another leads at once when one resigns, and it campaigns again', async () => {
    const [first, second] = (await candidates(2)) as [LeaderElector, LeaderElector];
    first.start();
    await leads(first);
    second.start();
    const lost: unknown[] = [];
    first.on('lost', (error) => lost.push(error));
    await first.resign();
    expect(first.isLeader).toBe(false);
    await leads(second);
    await second.stop();
    expect(second.isLeader).toBe(false);
    await leads(first);
    expect(first.term).toBeGreaterThan(second.term);
    expect(lost).toEqual([]);
  });

  test('an observer sees who leads, and when nobody does', async () => {
    const [first, second, observer] = (await candidates(3)) as [LeaderElector, LeaderElector, LeaderElector];
    const { seen, terms, ended } = watch(observer);
    await eventually(() => expect(seen).toEqual([undefined]));
    first.start();
    await eventually(() => expect(seen.at(-1)).toBe('candidate 0'));
    second.start();
    await first.stop();
    await eventually(() => expect(seen.at(-1)).toBe('candidate 1'));
    expect(terms).toEqual([first.term, second.term]);
    await second.stop();
    await eventually(() => expect(seen.at(-1)).toBeUndefined());
    await observer.stop();
    await ended;
    expect(seen.filter(Boolean)).toEqual(['candidate 0', 'candidate 1']);
  });
});

describe('a term', () => {
  test('has a signal, which aborts before the office is given up', async () => {
    const [candidate, rival] = (await candidates(2)) as [LeaderElector, LeaderElector];
    expect(candidate.signal).toBeUndefined();
    candidate.start();
    await leads(candidate);
    rival.start();
    const signal = candidate.signal as AbortSignal;
    let rivalLed: boolean | undefined;
    signal.addEventListener('abort', () => (rivalLed = rival.isLeader));
    await candidate.resign();
    expect(rivalLed).toBe(false);
    expect(signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'released', fence: candidate.term });
    expect(candidate.signal).toBeUndefined();
  });

  test('ends with an event and its reason when the manager closes, and so does the campaign', async () => {
    const { elector: candidate, manager } = await elector();
    const told: string[] = [];
    candidate.on('lost', ({ reason }) => told.push(reason));
    candidate.on('error', ({ source }) => told.push(source));
    candidate.start();
    await leads(candidate);
    await manager.close();
    expect(candidate.isLeader).toBe(false);
    await candidate.stop();
    expect(told).toEqual(['closed']);
  });
});

describe('stop', () => {
  test('ends the wait of a candidate, which may start again', async () => {
    const [leader, candidate] = (await candidates(2)) as [LeaderElector, LeaderElector];
    leader.start();
    await leads(leader);
    candidate.start();
    candidate.start();
    await candidate.stop();
    await leader.stop();
    candidate.start();
    await leads(candidate);
    void candidate.stop();
    expect(candidate.isLeader).toBe(false);
    candidate.start();
    await leads(candidate);
  });

  test('of one that was never started does nothing', async () => {
    const [candidate] = (await candidates(1)) as [LeaderElector];
    await candidate.resign();
    await candidate.stop();
    expect(candidate).toMatchObject({ isLeader: false, term: 0n, key: 'office' });
  });

  test('is what leaving its scope does', async () => {
    const [other] = (await candidates(1)) as [LeaderElector];
    let kept: LeaderElector;
    {
      await using candidate = other;
      candidate.start();
      await leads(candidate);
      kept = candidate;
    }
    expect(kept.isLeader).toBe(false);
  });
});

describe('an observation', () => {
  const first = async (
    observer: AsyncIterable<LeaderInfo | undefined>,
  ): Promise<AsyncIterator<LeaderInfo | undefined>> => {
    const iterator = observer[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: undefined });
    return iterator;
  };

  test('that waits for a change ends with its signal, with return, with stop and with its manager', async () => {
    const { elector: observer, manager } = await elector();
    const abort = new AbortController();
    const bySignal = await first(observer.observe({ signal: abort.signal, interval: '1h' }));
    const waiting = bySignal.next();
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await bySignal.next()).toEqual({ done: true, value: undefined });

    const byReturn = await first(observer.observe({ interval: '1h' }));
    const pending = byReturn.next();
    await byReturn.return?.();
    expect((await pending).done).toBe(true);

    const byStop = await first(observer.observe({ interval: '1h' }));
    const stopped = byStop.next();
    await observer.stop();
    expect((await stopped).done).toBe(true);

    const byClose = await first(observer.observe({ interval: 20 }));
    const closed = byClose.next();
    await manager.close();
    expect((await closed).done).toBe(true);
  });

  test('with a signal that has aborted sees nothing', async () => {
    const { elector: observer } = await elector();
    const iterator = observer.observe({ signal: AbortSignal.abort() })[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(true);
  });
});

test('options are checked by name', async () => {
  const { manager, elector: observer } = await elector();
  expect(() => new LeaderElector(manager, '', {})).toThrow('leader.key');
  expect(() => new LeaderElector(manager, 'k', { tll: 1 } as object)).toThrow('did you mean `ttl`');
  expect(() => new LeaderElector(manager, 'k', { ttl: '2d' })).toThrow('ttl');
  expect(() => observer.observe({ interval: 1 })).toThrow('observe.interval');
  expect(() => observer.observe({ signal: 1 } as object)).toThrow('observe.signal');
});

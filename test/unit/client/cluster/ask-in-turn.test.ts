import { describe, expect, it } from 'vitest';
import { askInTurn, type Way } from '../../../../src/client/drivers/cluster/ask-in-turn.js';
import { ManualClock } from '../../../support/manual-clock.js';

const PATIENCE_MS = 300;

/** A way that is answered by the test. */
class Manual {
  signal: AbortSignal | undefined;
  resolve: (answer: string) => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly way: Way<string> = (signal) => {
    this.signal = signal;
    return new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  };
  get begun(): boolean {
    return this.signal !== undefined;
  }
}

interface Asked {
  readonly isFinal?: () => boolean;
  readonly signal?: AbortSignal;
}

function ask(count: number, { isFinal = () => false, signal = new AbortController().signal }: Asked = {}) {
  const clock = new ManualClock();
  const ways = Array.from({ length: count }, () => new Manual());
  const options = { clock, patienceMs: PATIENCE_MS, isFinal };
  const answer = askInTurn(
    ways.map(({ way }) => way),
    options,
    signal,
  );
  return { clock, ways: ways as [Manual, Manual, Manual], answer };
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('ways that are tried in turn', () => {
  it('begin with one, and the next follows a failure at once', async () => {
    const { ways, answer, clock } = ask(3);
    expect(ways.map(({ begun }) => begun)).toEqual([true, false, false]);
    ways[0].reject(new Error('first'));
    await turn();
    expect(ways.map(({ begun }) => begun)).toEqual([true, true, false]);
    ways[1].resolve('second');
    expect(await answer).toBe('second');
    clock.advance(PATIENCE_MS * 5);
    expect(ways[2].begun).toBe(false);
    expect(clock.armed).toBe(0);
  });

  it('do not wait for one that is silent, whose late answer still counts', async () => {
    const { ways, answer, clock } = ask(3);
    clock.advance(PATIENCE_MS - 1);
    expect(ways[1].begun).toBe(false);
    clock.advance(1);
    expect(ways.map(({ begun }) => begun)).toEqual([true, true, false]);
    ways[0].resolve('late');
    expect(await answer).toBe('late');
    expect(ways[1].signal?.aborted).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('fail with the last failure when all have failed', async () => {
    const { ways, answer, clock } = ask(2);
    clock.advance(PATIENCE_MS);
    ways[1].reject(new Error('second'));
    await turn();
    ways[0].reject(new Error('first'));
    await expect(answer).rejects.toThrow('first');
    expect(clock.armed).toBe(0);
  });

  it('end at a failure that is final', async () => {
    const { ways, answer, clock } = ask(3, { isFinal: () => true });
    clock.advance(PATIENCE_MS);
    ways[1].reject(new Error('wrong password'));
    await expect(answer).rejects.toThrow('wrong password');
    expect(ways[0].signal?.aborted).toBe(true);
    expect(ways[2].begun).toBe(false);
  });

  it('end when the signal aborts, with its reason', async () => {
    const aborter = new AbortController();
    const { ways, answer, clock } = ask(2, { signal: aborter.signal });
    aborter.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    expect(ways[0].signal?.aborted).toBe(true);
    expect(clock.armed).toBe(0);
    const aborted = ask(1, { signal: aborter.signal });
    await expect(aborted.answer).rejects.toThrow('enough');
    expect(aborted.ways[0].begun).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { Lookout } from '../../../../src/client/drivers/cluster/lookout.js';
import { systemRandom } from '../../../../src/core/random.js';
import { ManualClock } from '../../../support/manual-clock.js';

const turn = (): Promise<void> => new Promise(setImmediate);

function setUp() {
  const clock = new ManualClock();
  const looks: { atMs: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  const look = (): Promise<void> =>
    new Promise((resolve, reject) => looks.push({ atMs: clock.monotonicMs(), resolve, reject }));
  return { clock, looks, lookout: new Lookout({ clock, random: systemRandom }, look) };
}

describe('looks at the cluster', () => {
  it('are at least 200 ms apart, however many suspect something', async () => {
    const { clock, looks, lookout } = setUp();
    for (let ms = 0; ms < 10_000; ms += 1) {
      lookout.suspect();
      lookout.suspect();
      clock.advance(1);
      const last = looks.at(-1);
      last?.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(looks.length).toBeGreaterThan(20);
    expect(looks.length).toBeLessThanOrEqual(50);
    const gaps = looks.slice(1).map(({ atMs }, index) => atMs - (looks[index]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(402);
    lookout.stop();
  });

  it('are repeated when something was suspected while one was under way', async () => {
    const { clock, looks, lookout } = setUp();
    lookout.suspect();
    clock.advance(1);
    lookout.suspect();
    looks[0]?.resolve();
    await turn();
    clock.advance(500);
    expect(looks).toHaveLength(2);
    looks[1]?.resolve();
    await turn();
    clock.advance(5_000);
    expect(looks).toHaveLength(2);
    lookout.stop();
  });

  it('that fail are further and further apart', async () => {
    const { clock, looks, lookout } = setUp();
    for (let round = 0; round < 60; round += 1) {
      lookout.suspect();
      clock.advance(2_000);
      looks.at(-1)?.reject(new Error('nobody answers'));
      await turn();
    }
    expect(looks).toHaveLength(60);
    const before = clock.monotonicMs();
    for (let step = 0; step < 200; step += 1) {
      lookout.suspect();
      clock.advance(100);
      looks.at(-1)?.reject(new Error('nobody answers'));
      await turn();
    }
    // uniform between 0.2 and 2 s: about 18 in 20 s
    expect(clock.monotonicMs() - before).toBe(20_000);
    expect(looks.length - 60).toBeLessThan(35);
    lookout.stop();
  });

  it('come by themselves about twice a minute, and end with stop', async () => {
    const { clock, looks, lookout } = setUp();
    lookout.looked();
    for (let second = 0; second < 300; second += 1) {
      clock.advance(1_000);
      looks.at(-1)?.resolve();
      await turn();
    }
    expect(looks.length).toBeGreaterThanOrEqual(7);
    expect(looks.length).toBeLessThanOrEqual(13);
    lookout.suspect();
    lookout.stop();
    expect(clock.armed).toBe(0);
    lookout.suspect();
    lookout.looked();
    expect(clock.armed).toBe(0);
  });
});

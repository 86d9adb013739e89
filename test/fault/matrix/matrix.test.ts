import { describe, expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { RedisUtilsError } from '../../../src/core/errors.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';
import { allFeatures, COMMAND_TIMEOUT_MS, type Feature } from './features.js';
import { FAULTS } from './faults.js';

noLeaks();

/** A process that shares two cores with servers and other tests is late with its timers. */
const GRACE_MS = 1_000;
/** Longer than the deadline of a command with its grace: a call that only the end of the fault would settle is found. */
const STRUCK_MS = 2_000;
const CALLERS = 3;

/** Calls until told to stop; each call settles by its deadline, with a value or with an error of this library. */
function keepCalling(feature: Feature, isOver: () => boolean): Promise<void>[] {
  return Array.from({ length: CALLERS }, async () => {
    while (!isOver()) {
      const startMs = performance.now();
      const error = await feature.call().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const tookMs = performance.now() - startMs;
      expect(tookMs, `${feature.name} settled by its deadline`).toBeLessThan(feature.limitMs + GRACE_MS);
      if (error !== undefined) expect(error, `what ${feature.name} rejected with`).toBeInstanceOf(RedisUtilsError);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
}

describe.each(FAULTS)('when $name', (fault) => {
  it('all features settle by their deadlines, keep their promises, and work again afterwards', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await RedisManager.connect({
      url: proxy.url,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 500,
      // deadlines have to do without the watchdog, which would end what they forget
      unresponsiveAfter: 2_500,
    });
    afterThisTest(async () => void (await manager.close({ drain: 0 })));
    const features = await allFeatures(manager);
    for (const feature of features) await feature.call();

    let isOver = false;
    const calls = Promise.all(features.flatMap((feature) => keepCalling(feature, () => isOver)));
    calls.catch(() => {});
    await fault.strike({ server, proxy });
    await new Promise((resolve) => setTimeout(resolve, STRUCK_MS));
    isOver = true;
    await calls;
    await fault.heal?.({ server, proxy });

    for (const feature of features) {
      await eventually(() => feature.call().then(() => true), { within: 8_000 });
      await feature.check();
    }
    for (const feature of features) await feature.end();
    const { tookMs } = await manager.close({ drain: 500 });
    expect(tookMs).toBeLessThan(600);
  });
});

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { systemRandom } from '../../src/core/random.js';
import { RedisConfig } from '../../src/client/config/config.js';
import type { Driver } from '../../src/client/driver.js';
import { openDriver } from '../../src/client/drivers/open-driver.js';
import { EmbeddedDriver, EmbeddedRedis as Engine } from '../../src/embedded/index.js';
import { VirtualClock } from '../../src/embedded/virtual-clock.js';
import { EmbeddedRedis } from '../../src/testing/embedded/embedded-redis.js';
import { type CommandWords, commandStream } from '../differential/command-stream.js';
import { ask } from '../differential/pair.js';

/** What leaves through the listener and comes back through a client is what the engine says in the process. */

let redis: EmbeddedRedis;
let inProcess: Driver;
let overTcp: Driver;

beforeAll(async () => {
  const clock = new VirtualClock();
  redis = await EmbeddedRedis.start({ clock, listen: 'tcp' });
  inProcess = new EmbeddedDriver(new Engine({ clock }));
  overTcp = await openDriver(RedisConfig.fromUrl(redis.url), { clock: systemClock, random: systemRandom });
  await Promise.all([inProcess.connect(undefined), overTcp.connect(undefined)]);
});
afterAll(async () => {
  inProcess.destroy();
  overTcp.destroy();
  await redis.stop();
});

/** Commands whose reply is a matter of chance, or of a clock that stands still. */
const LEFT_OUT = new Set(['SPOP', 'RANDOMKEY', 'BLPOP', 'BRPOP']);
const CLEAN: readonly CommandWords[] = [['DISCARD'], ['UNWATCH'], ['SELECT', '0'], ['FLUSHALL'], ['SCRIPT', 'FLUSH']];

test.each(['text', 'bytes'] as const)('the same commands give the same replies, as %s', async (mode) => {
  await fc.assert(
    fc.asyncProperty(commandStream, async (stream) => {
      const commands = [...CLEAN, ...stream.filter(([name]) => !LEFT_OUT.has(name as string))];
      const [own, over] = [await ask(inProcess, commands, mode), await ask(overTcp, commands, mode)];
      expect(over).toEqual(own);
    }),
    { numRuns: 150 },
  );
});

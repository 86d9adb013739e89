import type { RedisCluster, RedisClusterOptions } from '../../src/testing/redis-cluster.js';
import type { RedisSentinelOptions, RedisSentinels } from '../../src/testing/redis-sentinels.js';
import { RedisServer as Kit } from '../../src/testing/redis-server.js';
import type { RedisServerOptions } from '../../src/testing/server-settings.js';
import { afterThisTest } from './cleanup.js';

/** Who stops it: `test` (the default) when the current test, or else the file, has finished, `caller` by `stop()`. */
interface StoppedBy {
  readonly stoppedBy?: 'test' | 'caller';
}

export type RedisServer = Kit;

/** The kit's servers as tests of this project use them: of the project's target, and stopped when the test is over. */
export const RedisServer = {
  start: (options: RedisServerOptions & StoppedBy = {}): Promise<Kit> =>
    stopped(options, (rest) => Kit.start({ version: targetVersion(), ...rest })),
  startCluster: (options: RedisClusterOptions & StoppedBy = {}): Promise<RedisCluster> =>
    stopped(options, (rest) => Kit.startCluster({ version: targetVersion(), ...rest })),
  startSentinel: (options: RedisSentinelOptions & StoppedBy = {}): Promise<RedisSentinels> =>
    stopped(options, (rest) => Kit.startSentinel({ version: targetVersion(), ...rest })),
};

async function stopped<O extends StoppedBy, T extends { stop(): Promise<void> }>(
  { stoppedBy, ...options }: O,
  start: (options: Omit<O, 'stoppedBy'>) => Promise<T>,
): Promise<T> {
  const started = await start(options);
  if (stoppedBy !== 'caller') afterThisTest(() => started.stop());
  return started;
}

/** What the vitest project names; the newest server there is where it names none. */
function targetVersion(): string | undefined {
  const target = process.env['TEST_TARGET'];
  return target === 'embedded' ? undefined : target;
}
export { freePort } from '../../src/testing/free-port.js';

import { ConditionError } from './errors.js';
import { eventually } from './eventually.js';
import type { ServerProcess } from './server-process.js';

/** A primary with its replicas, and who watches them. */
export interface Group {
  readonly name: string;
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly isTls: boolean;
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly ServerProcess[];
}

const WITHIN = '10s';

/** By default seconds: how often sentinels ask, ping and greet, on which all their waits are counted. */
const PERIODS = ['INFO-PERIOD', 500, 'PUBLISH-PERIOD', 200, 'PING-PERIOD', 200];

/** Makes every sentinel watch the primary, and waits until all know the replicas and each other. */
export async function watch(group: Group, primary: ServerProcess): Promise<void> {
  const { name, quorum, downAfterMs, servers, sentinels } = group;
  const user = primary.ownUser;
  const credentials = user === undefined ? [] : ['auth-user', user.username, 'auth-pass', user.password];
  const timing = ['down-after-milliseconds', downAfterMs, 'failover-timeout', Math.max(downAfterMs * 5, 3000)];
  const begin = async (sentinel: ServerProcess): Promise<void> => {
    await sentinel.command(['SENTINEL', 'DEBUG', ...PERIODS]);
    await sentinel.command(['SENTINEL', 'MONITOR', name, '127.0.0.1', primary.port, quorum]);
    await sentinel.command(['SENTINEL', 'SET', name, ...credentials, ...timing, 'parallel-syncs', 10]);
  };
  await Promise.all(sentinels.map(begin));
  const counts = { 'num-slaves': servers.length - 1, 'num-other-sentinels': sentinels.length - 1 };
  const expectAcquainted = async (sentinel: ServerProcess): Promise<void> => {
    const facts = await sentinel.command<string[]>(['SENTINEL', 'MASTER', name]);
    for (const [fact, count] of Object.entries(counts)) {
      const found = facts[facts.indexOf(fact) + 1];
      if (found !== String(count)) throw new ConditionError(`A sentinel has ${found} of ${count} ${fact}`);
    }
  };
  await eventually(() => Promise.all(sentinels.map(expectAcquainted)), { within: WITHIN, every: 20 });
}

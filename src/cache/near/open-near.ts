import type { RedisManager } from '../../client/manager.js';
import { wrong } from '../../core/check.js';
import { BadReplyError } from '../../core/errors.js';
import type { KeySpace } from '../../core/key-space.js';
import type { Events } from '../events.js';
import { Bulletin } from './bulletin.js';
import { Near } from './near.js';
import type { NearPlan } from './near-options.js';

interface Opening {
  readonly plan: NearPlan;
  readonly events: Events;
}

/** What is kept near of the keys in a space and all its namespaces. Nothing is asked of the server before it is read from. */
export function openNear(manager: RedisManager, space: KeySpace, { plan, events }: Opening): Near {
  const { clock } = manager;
  const { maxStalenessMs } = plan;
  if (plan.coherence === 'tracking' && !manager.capabilities.invalidations) {
    const expected = "'pubsub', because the client under this manager does not hand on what the server tells";
    throw wrong('cache.near.coherence', expected, plan.coherence);
  }
  const bulletin =
    plan.coherence === 'pubsub'
      ? new Bulletin({ manager, channel: `${space.root}changed`, maxStalenessMs })
      : undefined;
  return new Near({
    clock,
    plan,
    events,
    listen: (sink) => bulletin?.listen(sink) ?? manager.invalidations({ prefix: space.root, maxStalenessMs }, sink),
    bulletin,
    askLeftMs: async (key) => {
      const leftMs: unknown = await manager.command(['PTTL', key]);
      if (typeof leftMs === 'number') return leftMs;
      throw new BadReplyError('PTTL', 'a number', leftMs);
    },
    report: (error) => manager.reportError('cache', error),
  });
}

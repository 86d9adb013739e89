import type { RedisManager } from '../../client/manager.js';
import { bindScript } from '../../client/script.js';
import { LockReplicationError } from '../errors.js';
import type { RunBatch } from './lock-calls.js';
import type { RunScript } from './run-script.js';

/** How many replicas must have what was written, and how long to wait for them. */
export interface Replicas {
  readonly count: number;
  readonly timeoutMs: number;
}

/**
 * Sends batches on a connection of their own, and waits there until enough replicas have what they wrote: `WAIT` speaks
 * of what its own connection did. Cost: 2 round trips beside the replicas' time.
 *
 * @throws LockReplicationError when too few have it in time; it is written all the same
 */
export function replicated(manager: RedisManager, def: RunScript, { count, timeoutMs }: Replicas): RunBatch {
  return async (keys, args, options) => {
    const lease = await manager.lease({ key: keys[0], timeout: options.timeout });
    try {
      const script = bindScript(def, (command, about) => lease.command(command, about));
      const reply = await script.run(keys, args, options);
      const acknowledged = await lease.command<number>(['WAIT', count, timeoutMs], { timeout: timeoutMs + ANSWER_MS });
      if (acknowledged < count) throw new LockReplicationError({ wanted: count, acknowledged });
      return reply;
    } finally {
      lease.release();
    }
  };
}

/** For the answer to come once the waiting is over. */
const ANSWER_MS = 1_000;

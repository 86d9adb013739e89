import type { RedisManager } from '../client/manager.js';
import { lockRun } from './calls/lock-script.js';
import type { HoldTerms } from './options.js';
import type { LockPlace } from './place.js';
import { admissionTo } from './safety/admission.js';
import { ServerKeeper } from './server-keeper.js';

/** @param root what the keys of locks begin with @throws ConfigError */
export function serverPlace(manager: RedisManager, root: string, terms: HoldTerms): LockPlace {
  const keeper = ServerKeeper.of(manager);
  const { exec, inspect, tenure } = keeper.scripts;
  return {
    keeper,
    authority: keeper.calls(lockRun, terms.replicas),
    exec: (keys, args, timeoutMs) => {
      const timeout = Math.max(1, Math.min(timeoutMs, manager.config.commandTimeoutMs));
      return exec.run(keys, args, { timeout });
    },
    admission: admissionTo(manager, root, terms),
    inspect: (hash) => inspect.run([hash], []),
    tenure: (hash) => tenure.run([hash], []),
    force: async (hash, reason) => (await keeper.calls(lockRun).force(hash, reason)).standing === 'held',
  };
}

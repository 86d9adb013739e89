import { cacheGetOrSet, cacheNear, cacheRead, cacheWrite } from './cache.mjs';
import { command } from './command.mjs';
import { limit } from './limit.mjs';
import { lock } from './lock.mjs';
import { pubsub } from './pubsub.mjs';
import { session } from './session.mjs';

/**
 * A case: what is measured, written once for all contenders against what a contender offers for its `feature`.
 * `prepare` fills the store, `check` proves that the answers are right, `run` is one operation of one caller.
 */
export const cases = [command, cacheRead, cacheGetOrSet, cacheNear, cacheWrite, lock, limit, session, pubsub];

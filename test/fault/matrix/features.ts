import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';

import { CacheManager } from '../../../src/cache/index.js';
import type { RedisManager } from '../../../src/client/index.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import { RateLimiter } from '../../../src/rate-limit/index.js';
import { SessionManager } from '../../../src/session/index.js';

/** One feature as a user uses it: a call that takes a few commands, and what must still be true when all is over. */
export interface Feature {
  readonly name: string;
  /** Deadline of one `call`, in milliseconds. */
  readonly limitMs: number;
  call(): Promise<unknown>;
  check(): Promise<void>;
  end(): Promise<void>;
}

export const COMMAND_TIMEOUT_MS = 400;
const nothing = (): Promise<void> => Promise.resolve();

export async function allFeatures(manager: RedisManager): Promise<readonly Feature[]> {
  return [
    connection(manager),
    leases(manager),
    cache(manager),
    locks(manager),
    await messages(manager),
    limits(manager),
    sessions(manager),
  ];
}

/** Counts what was asked for: the server may have run less than that, never more. */
function connection(manager: RedisManager): Feature {
  const key = `count:${randomBytes(4).toString('hex')}`;
  let asked = 0;
  return {
    name: 'connection',
    limitMs: COMMAND_TIMEOUT_MS,
    call() {
      asked += 1;
      return manager.command(['INCR', key]);
    },
    async check() {
      expect(Number((await manager.command(['GET', key])) ?? 0)).toBeLessThanOrEqual(asked);
    },
    end: nothing,
  };
}

function leases(manager: RedisManager): Feature {
  return {
    name: 'lease',
    limitMs: 2 * COMMAND_TIMEOUT_MS,
    async call() {
      await using lease = await manager.lease({ timeout: COMMAND_TIMEOUT_MS });
      const token = randomBytes(8).toString('hex');
      expect(await lease.command(['ECHO', token])).toBe(token);
    },
    check: nothing,
    end: nothing,
  };
}

/** A store that fails is no failure of the call; a value is either what was written last, or a miss. */
function cache(manager: RedisManager): Feature {
  const store = new CacheManager(manager, '1m');
  let written = 0;
  return {
    name: 'cache',
    limitMs: 2 * COMMAND_TIMEOUT_MS,
    async call() {
      const value = await store.get<number>('number');
      if (value !== undefined) expect(value).toBeLessThanOrEqual(written);
      await store.set('number', (written += 1));
    },
    check: nothing,
    end: () => store.close(),
  };
}

/** Fences rise; a guard that is held is held by nobody else. */
function locks(manager: RedisManager): Feature {
  let last = 0n;
  return {
    name: 'lock',
    limitMs: 3 * COMMAND_TIMEOUT_MS,
    async call() {
      const guard = await new DistributedLock(manager, 'job', '1s').acquire({ timeout: COMMAND_TIMEOUT_MS });
      expect(guard.fence).toBeGreaterThan(last);
      last = guard.fence;
      await guard.release();
    },
    check: nothing,
    end: nothing,
  };
}

/** Messages arrive in order and at most once, on a subscription that comes back by itself. */
async function messages(manager: RedisManager): Promise<Feature> {
  const pubsub = new PubSubManager(manager);
  const subscription = await pubsub.subscribe<number>('news');
  let published = 0;
  let received = 0;
  const listening = (async () => {
    for await (const { data } of subscription) {
      expect(data).toBeGreaterThan(received);
      received = data;
    }
  })();
  return {
    name: 'pubsub',
    limitMs: COMMAND_TIMEOUT_MS,
    call: () => pubsub.publish('news', (published += 1)),
    async check() {
      const before = received;
      const heard = async (): Promise<boolean> => {
        await pubsub.publish('news', (published += 1));
        await new Promise((resolve) => setTimeout(resolve, 50));
        return received > before;
      };
      for (let tries = 0; !(await heard()); tries += 1) expect(tries, 'the subscription came back').toBeLessThan(100);
    },
    async end() {
      await subscription.unsubscribe();
      await listening;
      await pubsub.close();
    },
  };
}

/** Of 20 requests per hour at most 20 are allowed, as long as the server keeps what it was told. */
function limits(manager: RedisManager): Feature {
  const limiter = new RateLimiter(manager);
  return {
    name: 'limit',
    limitMs: COMMAND_TIMEOUT_MS,
    call: () => limiter.checkTokenBucket('user', 20, 20 / 3600, { onError: 'throw' }),
    check: nothing,
    end: nothing,
  };
}

/** A session that was destroyed is dead, whatever was under way. */
function sessions(manager: RedisManager): Feature {
  const store = new SessionManager(new CacheManager(manager, '1m'));
  const dead: string[] = [];
  return {
    name: 'session',
    limitMs: 4 * COMMAND_TIMEOUT_MS,
    async call() {
      const id = await store.createSession({ step: 1 }, '1m');
      const update = store.updateSession(id, { step: 2 }).catch(() => {});
      if (await store.destroySession(id)) dead.push(id);
      await update;
    },
    async check() {
      for (const id of dead) expect(await store.getSession(id)).toBeUndefined();
    },
    end: nothing,
  };
}

/**
 * One function per thing that users do, each with the invariants that it can see from inside: a reply belongs to its
 * question, a counter never runs ahead of what was asked for, fences rise, a destroyed session stays dead.
 */
export const TIMEOUT_MS = 1_500;
const LIMIT = { timeout: TIMEOUT_MS };

export function plainOperations({ name, manager, random, violate }) {
  let asked = 0;
  const entry = () => ['SET', `soak:${name}:{p${random.below(50)}}`, 'x'.repeat(500), 'PX', 60_000];
  return {
    command: async () => {
      const text = `${name}-${random.next()}`;
      const echoed = await manager.command(['ECHO', text], LIMIT);
      if (echoed !== text) violate(`ECHO ${text} was answered with ${String(echoed)}`);
    },
    counter: async () => {
      asked += 1;
      const count = await manager.command(['INCR', `soak:${name}:n`], LIMIT);
      await manager.command(['PEXPIRE', `soak:${name}:n`, 3_600_000], LIMIT);
      if (count > asked) violate(`a counter reached ${count} after ${asked} increments: something ran twice`);
    },
    pipeline: () => manager.pipeline(Array.from({ length: 20 }, entry), LIMIT),
    lease: async () => {
      const lease = await manager.lease(LIMIT);
      try {
        await lease.command(['PING'], LIMIT);
      } finally {
        lease.release();
      }
    },
  };
}

export function cacheOperations({ cache, random }) {
  const key = () => `k${random.below(500)}`;
  return {
    'cache.get': () => cache.get(key(), LIMIT),
    'cache.set': () => cache.set(key(), { at: random.next(), text: 'y'.repeat(random.below(2_000)) }),
    'cache.getOrSet': () => cache.getOrSet(key(), async () => ({ loaded: true }), '30s'),
  };
}

/** Values that are kept near, tagged and invalidated in every way. */
export function nearOperations({ cache, random }) {
  const space = cache.namespace('near');
  const key = () => `n${random.below(200)}`;
  const tag = () => `t${random.below(20)}`;
  const load = async () => ({ loaded: random.next() });
  const ways = [
    () => space.delete(key()),
    () => space.markStale(key()),
    () => space.invalidateTags([tag(), tag()]),
    () => space.invalidateTags(tag(), { mode: 'drop' }),
    () => space.clear(),
  ];
  return {
    'near.get': () => space.get(key(), LIMIT),
    'near.getOrSet': () =>
      space.getOrSet(key(), load, { ttl: '20s', grace: '10s', tags: [tag()], timeout: TIMEOUT_MS }),
    'near.set': () =>
      space.set(key(), { set: random.next() }, { ttl: '20s', tags: [tag()], sliding: random.below(2) === 0 }),
    'near.invalidate': () => random.pick(ways)(),
  };
}

export function lockOperation({ manager, lib, random, violate }) {
  const fences = new Map();
  return async () => {
    const id = `l${random.below(20)}`;
    const guard = await new lib.DistributedLock(manager, id, '2s').acquire(LIMIT);
    try {
      const before = fences.get(id) ?? 0n;
      if (guard.fence <= before) violate(`the fence of ${id} went from ${before} to ${guard.fence}`);
      fences.set(id, guard.fence);
    } finally {
      await guard.release();
    }
  };
}

export function sessionOperation({ sessions, violate }) {
  return async () => {
    const id = await sessions.createSession({ n: 1 }, '1m');
    await sessions.updateSession(id, { n: 2 });
    if (!(await sessions.destroySession(id))) return;
    await sessions.updateSession(id, { n: 3 }).catch(() => {});
    if ((await sessions.getSession(id)) !== undefined) violate('a destroyed session came back');
  };
}

/** This library, as built. */

const TTL = '60s';

async function load(module) {
  return import(new URL(`../../dist/${module}/index.js`, import.meta.url));
}

async function connect({ socketPath }, options = {}) {
  const { RedisManager } = await load('client');
  return RedisManager.connect({ socketPath, ...options });
}

const close = (manager) => () => manager.close();

async function command(env) {
  const manager = await connect(env);
  return {
    get: (key) => manager.command(['GET', key]),
    set: (key, text) => manager.command(['SET', key, text, 'PX', 60_000]),
    close: close(manager),
  };
}

async function cache(env) {
  const manager = await connect(env);
  const { CacheManager } = await load('cache');
  const store = new CacheManager(manager, TTL);
  return {
    get: (key) => store.get(key),
    set: (key, value) => store.set(key, value),
    getOrSet: (key, loader) => store.getOrSet(key, loader),
    close: close(manager),
  };
}

async function near(env) {
  const manager = await connect(env);
  const { CacheManager } = await load('cache');
  // long enough for a whole measurement, during which nothing ends
  const store = new CacheManager(manager, '10m', { near: {} });
  return {
    get: (key) => store.get(key),
    set: (key, value) => store.set(key, value),
    async close() {
      await store.close();
      await manager.close();
    },
  };
}

async function lock(env) {
  const manager = await connect(env);
  const { DistributedLock } = await load('lock');
  const locks = Array.from({ length: 512 }, (_, n) => new DistributedLock(manager, `lock-${n}`, '10s'));
  return {
    acquire: (caller) => locks[caller].acquire(),
    tryAcquire: (caller) => locks[caller].tryAcquire(),
    release: (caller, guard) => locks[caller].release(guard),
    close: close(manager),
  };
}

async function limit(env) {
  const manager = await connect(env);
  const { RateLimiter } = await load('rate-limit');
  const limiter = new RateLimiter(manager);
  return {
    take: async (subject) => (await limiter.checkTokenBucket(subject, 1_000_000, 10_000)).allowed,
    takeOfThree: async (subject) => (await limiter.checkTokenBucket(subject, 3, 1)).allowed,
    close: close(manager),
  };
}

async function session(env, codec) {
  const manager = await connect(env);
  const { SessionManager } = await load('session');
  const sessions = new SessionManager(manager, { codec });
  return {
    create: (data) => sessions.createSession(data, { idle: '30m', absolute: '1d' }),
    use: (id) => sessions.getSession(id),
    destroy: (id) => sessions.destroySession(id),
    close: close(manager),
  };
}

async function encryptedSession(env) {
  const { generateKey, Keyring } = await load('codec');
  return session(env, { encryption: Keyring.of({ active: 'k1', keys: { k1: generateKey() } }) });
}

async function pubsub(env) {
  const manager = await connect(env);
  const { PubSubManager } = await load('pubsub');
  const bus = new PubSubManager(manager);
  return {
    publish: (message) => bus.publish('bench', message),
    async onMessage(listener) {
      const subscription = await bus.subscribe('bench');
      void (async () => {
        for await (const message of subscription) listener(message.data);
      })();
    },
    close: close(manager),
  };
}

/** What one would write oneself on this client: the least that a lock takes, without fence, renewal and queue. */
async function bareLock(env) {
  const manager = await connect(env);
  const { defineScript } = await import(new URL('../../dist/client/script.js', import.meta.url));
  const { randomUUID } = await import('node:crypto');
  const release = manager.script(
    defineScript({
      name: 'bench.release',
      keys: ['lock'],
      args: ['token'],
      readOnly: false,
      idempotent: false,
      decode: (reply) => reply,
      lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`,
    }),
  );
  const acquire = async (caller) => {
    const token = randomUUID();
    return (await manager.command(['SET', `lock-${caller}`, token, 'NX', 'PX', 10_000])) === null ? undefined : token;
  };
  return {
    acquire,
    tryAcquire: acquire,
    release: (caller, token) => release.run([`lock-${caller}`], [token]),
    close: close(manager),
  };
}

export const redisUtils = {
  name: 'redis-utils',
  role: 'ours',
  features: { command, cache, load: cache, near, lock, limit, session, pubsub },
};

export const redisUtilsEncrypted = {
  name: 'redis-utils, encrypted',
  role: 'ours',
  features: { session: encryptedSession },
};

export const redisUtilsBare = {
  name: 'SET NX PX, same client',
  role: 'reference',
  features: { lock: bareLock },
};

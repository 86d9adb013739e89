async function connect({ socketPath }) {
  const { Redis } = await import('ioredis');
  return new Redis({ path: socketPath, enableAutoPipelining: true });
}

async function redlockLock(env) {
  const { default: Redlock, ExecutionError } = await import('redlock');
  const client = await connect(env);
  const redlock = new Redlock([client], { retryCount: 10 });
  const once = new Redlock([client], { retryCount: 0 });
  return {
    acquire: (caller) => redlock.acquire([`lock-${caller}`], 10_000),
    async tryAcquire(caller) {
      try {
        return await once.acquire([`lock-${caller}`], 10_000);
      } catch (error) {
        if (error instanceof ExecutionError) return undefined;
        throw error;
      }
    },
    release: (_, held) => held.release(),
    close: () => client.disconnect(),
  };
}

async function semaphoreLock(env) {
  const { Mutex } = await import('redis-semaphore');
  const client = await connect(env);
  const mutexes = Array.from({ length: 512 }, (_, n) => new Mutex(client, `lock-${n}`, { lockTimeout: 10_000 }));
  return {
    async acquire(caller) {
      await mutexes[caller].acquire();
      return mutexes[caller];
    },
    async tryAcquire(caller) {
      const other = new Mutex(client, `lock-${caller}`, { lockTimeout: 10_000 });
      return (await other.tryAcquire()) ? other : undefined;
    },
    release: (_, mutex) => mutex.release(),
    close: () => client.disconnect(),
  };
}

export const redlock = { name: 'redlock', role: 'package', features: { lock: redlockLock } };
export const redisSemaphore = { name: 'redis-semaphore', role: 'package', features: { lock: semaphoreLock } };

async function flexible({ socketPath }) {
  const { RateLimiterRedis, RateLimiterRes } = await import('rate-limiter-flexible').then((m) => m.default ?? m);
  const { Redis } = await import('ioredis-6');
  const client = new Redis({
    path: socketPath,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    lazyConnect: true,
  });
  await client.connect();
  const limiter = new RateLimiterRedis({ storeClient: client, keyPrefix: 'bench', points: 1_000_000, duration: 60 });
  const three = new RateLimiterRedis({ storeClient: client, keyPrefix: 'three', points: 3, duration: 60 });
  const consume = async (from, subject) => {
    try {
      await from.consume(subject);
      return true;
    } catch (error) {
      if (error instanceof RateLimiterRes) return false;
      throw error;
    }
  };
  return {
    take: (subject) => consume(limiter, subject),
    takeOfThree: (subject) => consume(three, subject),
    close: () => client.disconnect(),
  };
}

export const rateLimiterFlexible = { name: 'rate-limiter-flexible', role: 'package', features: { limit: flexible } };

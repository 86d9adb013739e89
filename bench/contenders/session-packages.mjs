/** connect-redis as express-session drives it for a request that only reads: `get`, then `touch`. */
async function connectRedisStore({ socketPath }) {
  const { randomBytes } = await import('node:crypto');
  const { RedisStore } = await import('connect-redis');
  const { createClient } = await import('redis');
  const client = createClient({
    socket: { path: socketPath },
    commandOptions: { timeout: undefined },
    maintNotifications: 'disabled',
  });
  client.on('error', () => {});
  await client.connect();
  const store = new RedisStore({ client, ttl: 1800 });
  const cookie = { originalMaxAge: 1_800_000, httpOnly: true, path: '/' };
  return {
    async create(data) {
      const id = randomBytes(24).toString('base64url');
      await store.set(id, { cookie, data });
      return id;
    },
    async use(id) {
      const found = await store.get(id);
      if (!found) return undefined;
      await store.touch(id, found);
      return found.data;
    },
    destroy: (id) => store.destroy(id),
    close: () => client.destroy(),
  };
}

export const connectRedis = { name: 'connect-redis', role: 'package', features: { session: connectRedisStore } };

/** The bare client that redis-utils is built on, with JSON, set up as its documentation and our measurements advise. */

async function connect({ socketPath }) {
  const { createClient } = await import('@redis/client');
  const client = createClient({
    socket: { path: socketPath },
    commandOptions: { timeout: undefined }, // the default allocates an AbortSignal per command
    maintNotifications: 'disabled',
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function command(env) {
  const client = await connect(env);
  return {
    get: (key) => client.get(key),
    set: (key, text) => client.set(key, text, { expiration: { type: 'PX', value: 60_000 } }),
    close: () => client.destroy(),
  };
}

async function cache(env) {
  const client = await connect(env);
  return {
    async get(key) {
      const text = await client.get(key);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, value) => client.set(key, JSON.stringify(value), { expiration: { type: 'PX', value: 60_000 } }),
    close: () => client.destroy(),
  };
}

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

async function lock(env) {
  const { randomUUID } = await import('node:crypto');
  const client = await connect(env);
  const sha = await client.scriptLoad(RELEASE);
  const acquire = async (caller) => {
    const token = randomUUID();
    const options = { condition: 'NX', expiration: { type: 'PX', value: 10_000 } };
    return (await client.set(`lock-${caller}`, token, options)) === null ? undefined : token;
  };
  return {
    acquire,
    tryAcquire: acquire,
    release: (caller, token) => client.evalSha(sha, { keys: [`lock-${caller}`], arguments: [token] }),
    close: () => client.destroy(),
  };
}

async function pubsub(env) {
  const publisher = await connect(env);
  const subscriber = await connect(env);
  return {
    publish: (message) => publisher.publish('bench', JSON.stringify(message)),
    onMessage: (listener) => subscriber.subscribe('bench', (text) => listener(JSON.parse(text))),
    close() {
      publisher.destroy();
      subscriber.destroy();
    },
  };
}

export const nodeRedis = {
  name: '@redis/client (bare)',
  role: 'reference',
  features: { command, cache, lock, pubsub },
};

/** ioredis 6 by itself, with JSON and the automatic pipelines that its documentation advises for concurrent callers. */

async function connect({ socketPath }) {
  const { Redis } = await import('ioredis-6');
  return new Redis({ path: socketPath, enableAutoPipelining: true });
}

async function command(env) {
  const client = await connect(env);
  return {
    get: (key) => client.get(key),
    set: (key, text) => client.set(key, text, 'PX', 60_000),
    close: () => client.disconnect(),
  };
}

async function cache(env) {
  const client = await connect(env);
  return {
    async get(key) {
      const text = await client.get(key);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, value) => client.set(key, JSON.stringify(value), 'PX', 60_000),
    close: () => client.disconnect(),
  };
}

async function pubsub(env) {
  const publisher = await connect(env);
  const subscriber = await connect(env);
  return {
    publish: (message) => publisher.publish('bench', JSON.stringify(message)),
    async onMessage(listener) {
      subscriber.on('message', (_, text) => listener(JSON.parse(text)));
      await subscriber.subscribe('bench');
    },
    close() {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

export const ioredis = { name: 'ioredis 6 (bare)', role: 'reference', features: { command, cache, pubsub } };

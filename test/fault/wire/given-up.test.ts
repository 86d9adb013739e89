import { afterEach, expect, it, vi } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { WireConnection } from '../../../src/client/drivers/wire/connection.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();
afterEach(() => void vi.restoreAllMocks());

/** Aborts so many microtasks after each reply that arrives. */
function abortAfterReply(controller: AbortController, microtasks: number): void {
  const onReply = WireConnection.prototype.onReply;
  vi.spyOn(WireConnection.prototype, 'onReply').mockImplementation(function reply(this: WireConnection, value) {
    onReply.call(this, value);
    let left = microtasks;
    const step = (): void => {
      left -= 1;
      if (left < 0) controller.abort(new Error('given up'));
      else queueMicrotask(step);
    };
    step();
  });
}

interface Place {
  readonly url: string;
  readonly servers: readonly { command<T>(words: readonly string[]): Promise<T> }[];
}

const PLACES: readonly (readonly [string, () => Promise<Place>])[] = [
  ['one server', async () => RedisServer.start().then((server) => ({ url: server.url, servers: [server] }))],
  [
    'a cluster',
    async () => RedisServer.startCluster({ replicas: 0 }).then(({ url, nodes }) => ({ url, servers: nodes })),
  ],
  [
    'a primary with sentinels',
    async () =>
      RedisServer.startSentinel({ replicas: 1, sentinels: 1 }).then(({ url, servers, sentinels }) => ({
        url,
        servers: [...servers, ...sentinels],
      })),
  ],
];

it.each(PLACES)(
  'an attempt to connect to %s that is given up around its success leaves no connection',
  async (_, start) => {
    const { url, servers } = await start();
    const connections = async (): Promise<number> => {
      const lists = await Promise.all(
        servers.map((server) => server.command<string>(['CLIENT', 'LIST', 'TYPE', 'NORMAL'])),
      );
      // sentinels have connections of their own
      return lists
        .join('')
        .split('\n')
        .filter((line) => line !== '' && !line.includes('name=sentinel')).length;
    };
    const before = await connections();
    const outcomes = new Set<string>();
    for (let microtasks = 0; microtasks < 40; microtasks += 1) {
      const controller = new AbortController();
      abortAfterReply(controller, microtasks);
      const outcome = await RedisManager.connect({ url }, { signal: controller.signal }).then(
        (manager) => manager.close({ drain: 0 }).then(() => 'connected'),
        (error: Error) => error.message,
      );
      vi.restoreAllMocks();
      outcomes.add(outcome);
      await eventually(async () => expect(await connections()).toBeLessThanOrEqual(before));
    }
    expect(outcomes).toContain('given up');
  },
);

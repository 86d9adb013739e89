import { createClient } from '@redis/client';
import { Redis as Ioredis5 } from 'ioredis';
import { Redis as Ioredis6 } from 'ioredis-6';
import { Redis as Iovalkey } from 'iovalkey';

import type { WrappableClient } from '../../src/client/index.js';
import { afterThisTest } from './cleanup.js';

/** A client of another package, as a user would make it. */
export interface ForeignClient {
  readonly client: WrappableClient;
  /** What a user would do with it: one command by its own interface. */
  ping(): Promise<string>;
  /** How many listeners it has, of all its events. */
  listeners(): number;
  /** Ends it, as its owner does. May be repeated. */
  end(): void;
}

export interface Family {
  readonly name: string;
  /** Whether its replies have the shapes of RESP3. */
  readonly resp3: boolean;
  /** Connected to a unix socket or to a port, and ended after the test. Sends nothing twice. */
  make(place: Place): Promise<ForeignClient>;
}

export type Place = { readonly path: string } | { readonly port: number };

interface IoredisClass {
  new (options: object): Ioredis5 | Ioredis6 | Iovalkey;
}

/** Without resending, and with waits that suit a test. */
const IOREDIS = { autoResendUnfulfilledCommands: false, retryStrategy: () => 20, disconnectTimeout: 600 };

/** Every client that can be wrapped, and the modes of them that matter. */
export const FAMILIES: readonly Family[] = [
  { name: '@redis/client 6', resp3: true, make: (place) => nodeRedisClient(place) },
  { name: '@redis/client 6 with RESP2', resp3: false, make: (place) => nodeRedisClient(place, { RESP: 2 }) },
  { name: 'ioredis 5', resp3: false, make: (place) => ioredisClient(Ioredis5, place) },
  { name: 'ioredis 6', resp3: false, make: (place) => ioredisClient(Ioredis6, place) },
  {
    name: "ioredis 6 with replyMapping 'resp3'",
    resp3: true,
    make: (place) => ioredisClient(Ioredis6, place, { replyMapping: 'resp3' }),
  },
  { name: 'iovalkey', resp3: false, make: (place) => ioredisClient(Iovalkey, place) },
];

/** One that has each class of client once. */
export const CLASSES: readonly Family[] = FAMILIES.filter(({ name }) => !name.includes(' with '));

export async function nodeRedisClient(place: Place, options: object = {}): Promise<ForeignClient> {
  const socket = { host: '127.0.0.1', ...place, tls: false, reconnectStrategy: () => 20 } as const;
  const client = createClient({ ...options, socket });
  // its owner listens, as everybody has to
  client.on('error', () => {});
  const end = (): void => {
    if (client.isOpen) client.destroy();
  };
  afterThisTest(end);
  await client.connect();
  return { client, ping: () => client.ping(), listeners: () => countListeners(client), end };
}

export async function ioredisClient(
  Redis: IoredisClass = Ioredis5,
  place: Place,
  options: object = {},
): Promise<ForeignClient> {
  const client = new Redis({ host: '127.0.0.1', ...IOREDIS, ...place, ...options, lazyConnect: true });
  client.on('error', () => {});
  const end = (): void => client.disconnect();
  afterThisTest(end);
  await client.connect();
  return { client, ping: () => client.ping(), listeners: () => countListeners(client), end };
}

function countListeners(emitter: NodeJS.EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

/** A failover behind one address, as of a managed service: the connection stays open, its server becomes a replica. */
noLeaks();

/** An address that leads to one server after the other, as a host name does. Open connections stay where they are. */
class MovingAddress {
  leadsTo: RedisServer;
  accepted = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => {
    this.accepted += 1;
    this.#sockets.add(client);
    const server = connect(this.leadsTo.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.on('close', () => {
      this.#sockets.delete(client);
      server.destroy();
    });
    server.on('close', () => client.destroy());
  });

  private constructor(server: RedisServer) {
    this.leadsTo = server;
  }

  static async of(server: RedisServer): Promise<MovingAddress> {
    const address = new MovingAddress(server);
    await new Promise<void>((resolve) => address.#server.listen(0, '127.0.0.1', resolve));
    afterThisTest(() => new Promise((resolve) => address.#server.close(() => resolve())));
    return address;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }
}

interface FailedOver {
  readonly manager: RedisManager;
  readonly address: MovingAddress;
  /** The new primary, to which the address does not lead yet. */
  readonly primary: RedisServer;
}

async function failedOver(options: RedisOptions): Promise<FailedOver> {
  const demoted = await RedisServer.start({ port: true });
  const primary = await RedisServer.start({ port: true });
  const address = await MovingAddress.of(demoted);
  const manager = await RedisManager.connect({ port: address.port, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  expect(await manager.command(['INCR', 'n'])).toBe(1);
  await demoted.command(['REPLICAOF', '127.0.0.1', primary.port]);
  await eventually(async () => expect(await demoted.command(['INFO', 'replication'])).toMatch(/link_status:up/));
  return { manager, address, primary };
}

it('a refused write makes a new connection, and what may be tried again succeeds there', async () => {
  const { manager, address, primary } = await failedOver({});
  address.leadsTo = primary;
  expect(await manager.command(['INCR', 'n'])).toBe(1);
  expect(await primary.command(['GET', 'n'])).toBe('1');
  await eventually(() => address.connections === 1);
});

it('refused writes make one new connection per second at most, and none of them is a loss', async () => {
  const { manager, address } = await failedOver({ retry: false });
  const states: string[] = [];
  manager.on('state', ({ to }) => states.push(to));
  const { accepted } = address;
  const startMs = performance.now();
  let refused = 0;
  await eventually(async () => {
    await expect(manager.command(['INCR', 'n'])).rejects.toMatchObject({ replyCode: 'READONLY' });
    refused += 1;
    expect(address.accepted).toBeGreaterThanOrEqual(accepted + 2);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  expect(seconds).toBeGreaterThan(0.9);
  expect(address.accepted - accepted).toBeLessThanOrEqual(seconds + 1.1);
  expect(refused).toBeGreaterThan(10);
  expect(states).toEqual([]);
});

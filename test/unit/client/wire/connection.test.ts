import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { RedisConfig } from '../../../../src/client/index.js';
import { WireConnection } from '../../../../src/client/drivers/wire/connection.js';
import { request } from '../../../../src/client/request.js';
import { ignore } from '../../../../src/core/abort.js';
import { systemClock } from '../../../../src/core/clock.js';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A connection, and its other end, which reads nothing yet. */
async function pair(): Promise<{ connection: WireConnection; peer: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [[Socket], unknown];
  const settings = RedisConfig.fromUrl(`redis://127.0.0.1:${port}`).settings();
  const connection = new WireConnection(socket, { clock: systemClock, settings });
  cleanups.push(
    () => connection.destroy(),
    () => peer.destroy(),
    () => void server.close(),
  );
  return { connection, peer };
}

it('what waits for a peer that does not read arrives as it was, whatever is sent after it', async () => {
  const { connection, peer } = await pair();
  const sent: Buffer[] = [];
  const send = (n: number): void => {
    const word = Buffer.alloc(1 + ((n * 97) % 3_000), n % 251);
    sent.push(Buffer.concat([Buffer.from(`*2\r\n$4\r\nECHO\r\n$${word.length}\r\n`), word, Buffer.from('\r\n')]));
    request(connection, ['ECHO', word]).catch(ignore);
  };
  // far more than sockets hold
  for (let n = 0; n < 6_000; n += 1) {
    send(n);
    if (n % 100 === 0) await new Promise(setImmediate);
  }
  expect(connection.writable).toBe(false);
  const all = Buffer.concat(sent);
  const arrived: Buffer[] = [];
  let bytes = 0;
  const complete = new Promise<void>((resolve) => {
    peer.on('data', (chunk: Buffer) => {
      arrived.push(chunk);
      bytes += chunk.length;
      if (bytes >= all.length) resolve();
    });
  });
  peer.resume();
  // while the backlog drains, memory that has become free is written again
  for (let n = 6_000; bytes < all.length / 2; n += 1) {
    await new Promise(setImmediate);
    if (n % 10 === 0) send(n);
  }
  await complete;
  const everything = Buffer.concat(sent);
  expect(Buffer.concat(arrived).equals(everything.subarray(0, bytes))).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { afterThisTest } from '../../support/cleanup.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

/** Holders and rivals in processes of their own, by the monotonic clock that they share. */
noLeaks();

interface Held {
  readonly fence: bigint;
  readonly heldNs: bigint;
}
interface Lost {
  readonly fence: bigint;
  readonly lostNs: bigint;
  readonly reason: string;
}

interface Parties {
  readonly server: RedisServer;
  /** Between the holder and the server. */
  readonly proxy: FaultProxy;
  readonly holder: Worker;
  readonly rival: Worker;
}

async function setUp(ttl: string): Promise<Parties> {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start({ socketPath: server.socketPath });
  const holder = startWorker('lock-holder', { args: [proxy.url, ttl] });
  const rival = startWorker('lock-holder', { args: [server.url, ttl] });
  for (const worker of [holder, rival]) expect(await worker.next()).toBe('ready');
  return { server, proxy, holder, rival };
}

async function ask<T>(worker: Worker, what: string): Promise<T> {
  worker.send({ do: what });
  return worker.next<T>();
}

async function stands(server: RedisServer, count: number): Promise<void> {
  await eventually(async () => {
    const fields = await server.command<string[]>(['HKEYS', 'ru:lock:{k}']);
    expect(fields.filter((field) => field.startsWith('w'))).toHaveLength(count);
  });
}

/** Who has lost the lock knew it before the other had it. */
function expectNoOverlap(lost: Lost, held: Held): void {
  expect(held.heldNs).toBeGreaterThan(lost.lostNs);
  expect(held.fence).toBeGreaterThan(lost.fence);
}

describe('a holder in another process knows before a rival there acquires', () => {
  test('behind a link that swallows everything', async () => {
    const { proxy, holder, rival } = await setUp('1500ms');
    await ask<Held>(holder, 'hold');
    const lost = ask<Lost>(holder, 'watch');
    // it has renewed
    await eventually(() => proxy.commands.filter((name) => name === 'EVALSHA').length >= 2);
    proxy.blackHole();
    const next = await ask<Held>(rival, 'hold');
    expectNoOverlap(await lost, next);
    expect((await lost).reason).toBe('renewal-timeout');
    proxy.heal();
  });

  test('while the server is frozen', async () => {
    const { server, holder, rival } = await setUp('1s');
    await ask<Held>(holder, 'hold');
    const lost = ask<Lost>(holder, 'watch');
    server.pause();
    afterThisTest(() => server.resume());
    const next = ask<Held>(rival, 'hold');
    await lost;
    server.resume();
    expectNoOverlap(await lost, await next);
  });

  test('when it was handed the lock and its first renewal is swallowed', async () => {
    const { server, proxy, holder, rival } = await setUp('20s');
    const owner = startWorker('lock-holder', { args: [server.url, '20s'] });
    expect(await owner.next()).toBe('ready');
    await ask<Held>(owner, 'hold');
    const held = ask<Held>(holder, 'hold');
    await stands(server, 1);
    const next = ask<Held>(rival, 'hold');
    await stands(server, 2);
    proxy.blackHole('toServer');
    await ask(owner, 'release');
    await held;
    const lost = ask<Lost>(holder, 'watch');
    expectNoOverlap(await lost, await next);
    proxy.heal();
  });

  test('when it stood still while its turn came: it does not believe what it reads late', async () => {
    const { server, holder, rival } = await setUp('20s');
    const owner = startWorker('lock-holder', { args: [server.url, '20s'] });
    expect(await owner.next()).toBe('ready');
    await ask<Held>(owner, 'hold');
    const late = ask<Held>(holder, 'hold');
    await stands(server, 1);
    const next = ask<Held>(rival, 'hold');
    await stands(server, 2);
    holder.pause();
    await ask(owner, 'release');
    const { fence, heldNs } = await next;
    holder.resume();
    // it stands in the queue again
    await stands(server, 1);
    await ask(rival, 'release');
    expect((await late).fence).toBeGreaterThan(fence);
    expect((await late).heldNs).toBeGreaterThan(heldNs);
  });
});

test('an acquisition whose reply was lost after it was queued stands in the queue once', async () => {
  const { server, proxy, holder, rival } = await setUp('20s');
  // it listens, so that it can be queued
  await ask(rival, 'hold');
  const first = ask<Held>(holder, 'hold');
  await stands(server, 1);
  await ask(rival, 'release');
  await first;
  await ask(holder, 'release');
  const { fence } = await ask<Held>(rival, 'hold');
  const lost = proxy.loseReply({ command: 'EVALSHA' });
  const before = proxy.commands.filter((name) => name === 'EVALSHA').length;
  const held = ask<Held>(holder, 'hold');
  await lost;
  await eventually(() => proxy.commands.filter((name) => name === 'EVALSHA').length >= before + 2);
  await stands(server, 1);
  expect(await server.command(['HGET', 'ru:lock:{k}', 't'])).toBe('1');
  await ask(rival, 'release');
  expect((await held).fence).toBeGreaterThan(fence);
});

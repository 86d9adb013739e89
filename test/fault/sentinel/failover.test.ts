import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ConnectionError, RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import type { RedisSentinels } from '../../../src/testing/redis-sentinels.js';
import type { ServerProcess } from '../../../src/testing/server-process.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { OutgoingConnections } from '../../support/outgoing-connections.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

let group: RedisSentinels;

beforeAll(async () => {
  group = await RedisServer.startSentinel({ stoppedBy: 'caller' });
});
afterAll(() => group.stop());

async function connectTo(options: RedisOptions = {}): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url: group.url, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

const sentinelPorts = (): number[] => group.sentinels.map(({ port }) => port);

/** Writes that this many replicas have, so that a failover keeps them. */
async function writeReplicated(manager: RedisManager, key: string, replicas: number): Promise<void> {
  await using lease = await manager.lease();
  await lease.command(['SET', key, 'kept']);
  expect(await lease.command(['WAIT', replicas, 10_000], { timeout: '15s' })).toBeGreaterThanOrEqual(replicas);
}

interface Tally {
  acknowledged: number;
  unknown: number;
  /** Attempts that ended in any other way than those two. */
  notRun: number;
  /** The longest that a promise took to settle. */
  slowestMs: number;
}

/** Counts up without a pause, from several callers, until `stop`; each outcome is tallied. */
function load(manager: RedisManager, key: string): { readonly tally: Tally; stop(): Promise<void> } {
  const tally: Tally = { acknowledged: 0, unknown: 0, notRun: 0, slowestMs: 0 };
  let stopped = false;
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const startMs = performance.now();
      try {
        await manager.command(['INCR', key]);
        tally.acknowledged += 1;
      } catch (error) {
        const { outcome } = error as ConnectionError;
        if (outcome === 'unknown') tally.unknown += 1;
        else tally.notRun += 1;
        // what fails at once leaves the process no time to hear that it is over
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startMs);
    }
  };
  const callers = Array.from({ length: 20 }, caller);
  return {
    tally,
    stop: async () => {
      stopped = true;
      await Promise.all(callers);
    },
  };
}

const FAULTS = {
  'SENTINEL FAILOVER': async (): Promise<void> => void (await group.failover()),
  'a primary that is killed': async (): Promise<void> => {
    const killed = await group.killPrimary();
    afterThisTest(async () => {
      await killed.restart();
      await group.waitUntilStable();
    });
    await group.waitUntilStable();
  },
};

describe.each(Object.entries(FAULTS))('%s under load', (name, fault) => {
  it('is followed: every promise settles, nothing runs twice, and subscriptions and leases come back', async () => {
    const outgoing = new OutgoingConnections();
    const manager = await connectTo({ commandTimeout: '3s' });
    const key = `n:${name}`;
    await writeReplicated(manager, `k:${name}`, 2);
    const pubsub = new PubSubManager(manager);
    const subscription = await pubsub.subscribe<string>('news');
    const read: string[] = [];
    const reading = (async () => {
      for await (const message of subscription) read.push(message.data);
    })();
    const lease = await manager.lease();
    const blocked = expect(lease.command(['BLPOP', 'queue', 0])).rejects.toMatchObject({ outcome: 'unknown' });
    const counting = load(manager, key);
    await eventually(() => counting.tally.acknowledged > 100);
    await fault();
    await blocked;
    lease.release();
    const { acknowledged } = counting.tally;
    await eventually(() => counting.tally.acknowledged > acknowledged + 100);
    await counting.stop();
    const { tally } = counting;
    // less where the old primary took writes that did not outlive it
    expect(Number(await manager.command(['GET', key]))).toBeLessThanOrEqual(tally.acknowledged + tally.unknown);
    expect(tally.slowestMs).toBeLessThan(4_500);
    expect(await manager.command(['GET', `k:${name}`])).toBe('kept');
    await using next = await manager.lease();
    expect((await next.command<unknown[]>(['ROLE']))[0]).toBe('master');
    await eventually(async () => {
      await pubsub.publish('news', name);
      expect(read).toContain(name);
    });
    await subscription.unsubscribe();
    await reading;
    // each attempt to reconnect asks the kept sentinel, and both others where the named server is dead: with pauses that
    // grow these are some ten, and without pauses some thousand
    expect(outgoing.attempts(sentinelPorts())).toBeLessThan(80);
    await manager.close();
    expect(outgoing.open([...sentinelPorts(), ...group.servers.map(({ port }) => port)])).toBe(0);
  });
});

describe('a primary that stands still', () => {
  it('is left as soon as the sentinels replaced it: what waits there is unknown, and is not sent again', async () => {
    const manager = await connectTo({ commandTimeout: '20s', unresponsiveAfter: '20s' });
    const paused = await group.primary();
    await manager.command(['PING']);
    paused.pause();
    const inFlight = expect(manager.command(['INCR', 'still'])).rejects.toMatchObject({ outcome: 'unknown' });
    await inFlight;
    const answer = await manager.command(['INCR', 'still']);
    expect(answer).toBe(1);
    paused.resume();
    await group.waitUntilStable();
    expect(await manager.command(['INCR', 'still'])).toBe(2);
    expect(await paused.command(['GET', 'still'])).not.toBe('3');
  });
});

describe('a sentinel that stood still during a failover', () => {
  it('does not lead back to the demoted primary when it goes on', async () => {
    const [stale] = group.sentinels as [ServerProcess];
    const manager = await connectTo();
    const demoted = await group.primary();
    stale.pause();
    const primary = await group.failover();
    await eventually(async () => expect((await manager.command<unknown[]>(['ROLE']))[0]).toBe('master'));
    stale.resume();
    const newcomer = await connectTo();
    await primary.command(['CLIENT', 'KILL', 'TYPE', 'normal']);
    for (const each of [manager, newcomer]) {
      await eventually(async () => expect(await each.command(['SET', 'after', '1'])).toBe('OK'));
      expect(await each.command<string>(['INFO', 'server'])).toContain(`tcp_port:${primary.port}`);
    }
    expect((await demoted.command<unknown[]>(['ROLE']))[0]).toBe('slave');
    await group.waitUntilStable();
  });
});

describe('sentinels that die', () => {
  it('are replaced as the source of news by those that live; the next failover is followed', async () => {
    const manager = await connectTo({ commandTimeout: '10s' });
    const errors: unknown[] = [];
    manager.on('error', ({ error }) => errors.push(error));
    const [first] = group.sentinels as [ServerProcess];
    const isHeard = async (sentinel: ServerProcess): Promise<boolean> =>
      / sub=1 /.test(await sentinel.command<string>(['CLIENT', 'LIST']));
    await eventually(() => isHeard(first));
    await first.kill();
    await eventually(async () => (await Promise.all(group.sentinels.slice(1).map(isHeard))).includes(true));
    const before = await group.primary();
    expect(await group.failover()).not.toBe(before);
    await eventually(async () => expect(await manager.command(['SET', 'k', 'v'])).toBe('OK'));
    expect(errors).toEqual([]);
    await first.restart();
  });
});

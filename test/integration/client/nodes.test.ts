import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';

import { liveness, readiness, RedisManager } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, target, url } from '../../support/target.js';

noLeaks();

describe.skipIf(target.embedded)('nodes()', () => {
  it('tells of each server who it is, since when it is connected and how fast it answers', async () => {
    const beforeMs = Date.now();
    const manager = await connect();
    for (let round = 0; round < 20; round += 1)
      await Promise.all([manager.command(['PING']), manager.command(['PING'])]);
    const nodes = manager.nodes();
    expect(nodes).toHaveLength(target.cluster ? 3 : 1);
    for (const { version, roundTripMs, connectedSince, endpoint, ...node } of nodes) {
      expect(node).toEqual({
        ok: true,
        role: 'master',
        inFlight: 0,
        queued: { commands: 0, bytes: 0 },
        breaker: 'closed',
        lastError: undefined,
      });
      expect(version).toMatch(/^\d+\.\d+\.\d+/);
      expect(endpoint).toMatch(/^redis(\+unix)?:/);
      expect(roundTripMs.p50).toBeGreaterThan(0);
      expect(roundTripMs.p99).toBeGreaterThanOrEqual(roundTripMs.p50 ?? NaN);
      expect(connectedSince?.getTime()).toBeGreaterThanOrEqual(beforeMs - 1);
    }
    expect((await manager.health()).nodes).toHaveLength(nodes.length);
  });

  it('counts what is on its way', async () => {
    const manager = await connect();
    const replies = Array.from({ length: 5 }, () => manager.command(['GET', 'k']));
    expect(manager.nodes().reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(5);
    await Promise.all(replies);
  });
});

describe.skipIf(target.embedded)('the tracing channel of connects', () => {
  it('tells of each attempt, without credentials, and of how it failed', async () => {
    const seen: [string, object][] = [];
    const channel = tracingChannel('redis-utils:connect');
    const subscribers = {
      start: (context: object) => void seen.push(['start', context]),
      error: (context: object) => void seen.push(['error', context]),
      asyncEnd: (context: object) => void seen.push(['asyncEnd', context]),
    };
    channel.subscribe(subscribers as never);
    afterThisTest(() => void channel.unsubscribe(subscribers as never));
    const refused = RedisManager.connect({ url: await url(), username: 'nobody', password: 'hunter2' });
    const error: unknown = await refused.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'auth' });
    // with sentinels, an attempt that went well comes first: the one to a sentinel
    const failed = seen.findIndex(([event]) => event === 'error');
    expect(seen.slice(failed - 1, failed + 2).map(([event]) => event)).toEqual(['start', 'error', 'asyncEnd']);
    expect(seen[failed]?.[1]).toMatchObject({ endpoint: expect.any(String), error: { reason: 'auth' } });
    expect(JSON.stringify(seen)).not.toContain('hunter2');
  });
});

describe('probes', () => {
  it('are ready while connected, not ready while closing, alive until closed', async () => {
    const manager = await connect();
    expect(await readiness(manager)).toEqual({
      ok: true,
      status: 200,
      state: 'ready',
      reason: undefined,
      roundTripMs: expect.any(Number),
    });
    let finish = (): void => {};
    manager.onClose(() => new Promise<void>((resolve) => (finish = resolve)));
    const closing = manager.close();
    await new Promise(setImmediate);
    expect(await readiness(manager)).toMatchObject({ ok: false, status: 503, reason: 'the manager is draining' });
    expect(liveness(manager)).toMatchObject({ ok: true, status: 200, state: 'draining' });
    await expect(manager.ready()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    finish();
    await closing;
    expect(liveness(manager)).toMatchObject({ ok: false, status: 503, reason: 'the manager is closed' });
  });

  it('refuse options that do not exist', async () => {
    const manager = await connect();
    await expect(readiness(manager, { timout: 1 } as never)).rejects.toThrow('did you mean `timeout`');
  });
});

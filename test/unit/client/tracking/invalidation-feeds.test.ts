import { describe, expect, it } from 'vitest';
import type { InvalidationSink } from '../../../../src/client/tracking/invalidation-feed.js';
import { InvalidationFeeds, type Invalidations } from '../../../../src/client/tracking/invalidation-feeds.js';
import { ServerError } from '../../../../src/core/errors.js';
import { systemRandom } from '../../../../src/core/random.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { noLeaks } from '../../../support/no-leaks.js';
import { FakeTrackingServer, lost } from './fake-tracking-server.js';

noLeaks();

class RecordingSink implements InvalidationSink {
  readonly events: string[] = [];

  onArmed(): void {
    this.events.push('armed');
  }
  onBlind(cause: Error): void {
    this.events.push(`blind ${cause.name}`);
  }
  onInvalidate(keys: readonly string[] | undefined): void {
    this.events.push(keys?.join(' ') ?? 'all');
  }
}

const TARGET = { prefix: 'p:', maxStalenessMs: 1_000 };

/** Lets every promise that can settle without a timer do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

function setUp(server = new FakeTrackingServer()) {
  const clock = new ManualClock();
  const reported: unknown[] = [];
  const reportError = (_source: string, error: unknown): void => void reported.push(error);
  const feeds = new InvalidationFeeds(server, { clock, random: systemRandom, reportError });
  const sink = new RecordingSink();
  /** Moves time in steps so small that all that is planned meanwhile falls due in its turn. */
  const advance = async (ms: number): Promise<void> => {
    await settle();
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settle();
    }
  };
  return { server, clock, feeds, sink, reported, advance };
}

async function armed(server?: FakeTrackingServer) {
  const parts = setUp(server);
  const handle: Invalidations = parts.feeds.listen(TARGET, parts.sink);
  await settle();
  return { ...parts, handle };
}

describe('a feed', () => {
  it('is armed by the first sink, tells of changes, and ends with the last sink', async () => {
    const { server, feeds, sink, handle, clock } = await armed();
    expect(sink.events).toEqual(['armed']);
    const second = new RecordingSink();
    const other = feeds.listen({ ...TARGET }, second);
    expect(second.events).toEqual(['armed']);
    server.connection().onInvalidate(['p:a', 'p:b']);
    handle.close();
    server.connection().onInvalidate(undefined);
    expect(server.alive).toHaveLength(1);
    other.close();
    expect(sink.events).toEqual(['armed', 'p:a p:b']);
    expect(second.events).toEqual(['armed', 'p:a p:b', 'all']);
    expect(server.alive).toEqual([]);
    expect(server.opens).toBe(1);
    expect(clock.armed).toBe(0);
    other.close();
  });

  it('of another prefix has a connection of its own', async () => {
    const { server, feeds } = await armed();
    const sink = new RecordingSink();
    const other = feeds.listen({ ...TARGET, prefix: 'q:' }, sink);
    expect(sink.events).toEqual([]);
    await settle();
    expect(sink.events).toEqual(['armed']);
    expect(server.alive).toHaveLength(2);
    other.close();
    expect(server.alive).toHaveLength(1);
    feeds.close();
  });

  it('is coherent as of the question before the one that was answered last', async () => {
    const { server, handle, advance, feeds } = await armed();
    expect(handle.coherentAsOfMs).toBe(0);
    await advance(250);
    expect(handle.coherentAsOfMs).toBe(0);
    await advance(250);
    expect(handle.coherentAsOfMs).toBe(250);
    server.frozen = true;
    await advance(1_000);
    expect(handle.coherentAsOfMs).toBe(250);
    server.thaw();
    await settle();
    // asked again at once: the answer was about a question of long ago
    expect(handle.coherentAsOfMs).toBe(750);
    expect(handle.isArmed).toBe(true);
    feeds.close();
  });

  it('with a server that falls silent is blind after three seconds, and armed on a new connection', async () => {
    const { server, sink, handle, advance, feeds, reported } = await armed();
    server.frozen = true;
    await advance(3_200);
    expect(sink.events).toEqual(['armed']);
    await advance(100);
    expect(sink.events).toEqual(['armed', 'blind TimeoutError']);
    expect(handle.coherentAsOfMs).toBe(-Infinity);
    await advance(10_000);
    expect(reported).toHaveLength(1);
    server.thaw();
    await advance(6_000);
    expect(sink.events).toEqual(['armed', 'blind TimeoutError', 'armed']);
    expect(server.alive).toHaveLength(1);
    feeds.close();
  });

  it('reads what has arrived while this process stood still before it gives a server up', async () => {
    const { server, sink, clock, handle, feeds } = await armed();
    server.frozen = true;
    clock.advance(250);
    clock.advance(4_000);
    server.thaw();
    await settle();
    expect(sink.events).toEqual(['armed']);
    expect(handle.coherentAsOfMs).toBe(4_250);
    feeds.close();
  });

  it('is blind at once when its connection is lost, tries again with growing pauses, and reports it once', async () => {
    const { server, sink, advance, feeds, reported } = await armed();
    await advance(3_000);
    server.down = true;
    server.connection().end(lost());
    expect(sink.events).toEqual(['armed', 'blind ConnectionError']);
    await advance(10_000);
    expect(server.opens).toBeGreaterThan(8);
    expect(server.opens).toBeLessThan(40);
    expect(reported).toHaveLength(1);
    server.down = false;
    await advance(2_000);
    expect(sink.events).toEqual(['armed', 'blind ConnectionError', 'armed']);
    server.connection().end(lost());
    expect(reported).toHaveLength(2);
    feeds.close();
  });

  it.each(['NOPERM no', "ERR unknown subcommand 'TRACKING'"])(
    'that the server refuses stays blind, reports it once and asks again after a long while: %s',
    async (text) => {
      const server = new FakeTrackingServer();
      server.refusal = new ServerError(text, 'CLIENT');
      const { sink, advance, feeds, reported } = await armed(server);
      await advance(14_000);
      expect(server.opens).toBe(1);
      await advance(106_000);
      expect(server.opens).toBeLessThanOrEqual(9);
      expect(reported).toEqual([server.refusal]);
      expect(sink.events).toEqual([]);
      expect(server.alive).toEqual([]);
      server.refusal = undefined;
      await advance(31_000);
      expect(sink.events).toEqual(['armed']);
      feeds.close();
    },
  );

  it('on connections that cannot be told stays blind and says so', async () => {
    const server = new FakeTrackingServer();
    server.canTrack = false;
    const { sink, advance, feeds, reported } = await armed(server);
    await advance(10_000);
    expect(server.opens).toBe(1);
    expect(reported).toMatchObject([{ code: 'RU_CONFIG' }]);
    expect(sink.events).toEqual([]);
    feeds.close();
  });

  it('leaves a server that has become a replica, and has the driver look for another', async () => {
    const { server, sink, advance, feeds } = await armed();
    server.role = 'replica';
    await advance(250);
    expect(sink.events).toEqual(['armed', 'blind Error']);
    await advance(5_000);
    expect(server.suspicions).toBe(1);
    server.role = 'master';
    await advance(2_000);
    expect(sink.events).toEqual(['armed', 'blind Error', 'armed']);
    feeds.close();
  });

  it('passes nothing on while it is blind', async () => {
    const { server, feeds, sink } = setUp();
    server.frozen = true;
    feeds.listen(TARGET, sink);
    await settle();
    server.connection().onInvalidate(['p:a']);
    expect(sink.events).toEqual([]);
    feeds.close();
  });

  it('goes on when a sink throws', async () => {
    const { server, feeds, sink, reported } = await armed();
    const failing = {
      onArmed: () => {
        throw new Error('mine');
      },
      onBlind: () => {},
      onInvalidate: () => {},
    };
    feeds.listen(TARGET, failing);
    server.connection().onInvalidate(['p:a']);
    expect(sink.events).toEqual(['armed', 'p:a']);
    expect(reported).toMatchObject([{ message: 'mine' }]);
    feeds.close();
  });
});

describe('a feed of a cluster', () => {
  it('is armed when every primary tells, and as coherent as the one that was heard of the longest ago', async () => {
    const server = new FakeTrackingServer('a', 'b');
    const { sink, handle, advance, feeds } = await armed(server);
    expect(server.alive).toEqual(['a', 'b']);
    expect(sink.events).toEqual(['armed']);
    await advance(500);
    server.connection('b').answer = () => {};
    await advance(1_000);
    expect(handle.coherentAsOfMs).toBe(250);
    feeds.close();
  });

  it('is blind while one primary does not tell, and keeps the connections to the others', async () => {
    const server = new FakeTrackingServer('a', 'b');
    const { sink, advance, feeds } = await armed(server);
    const { a } = { a: server.connection('a') };
    server.connection('b').end(lost());
    expect(sink.events).toEqual(['armed', 'blind ConnectionError']);
    a.onInvalidate(['p:a']);
    await advance(100);
    expect(sink.events).toEqual(['armed', 'blind ConnectionError', 'armed']);
    expect(a.alive).toBe(true);
    feeds.close();
  });

  it('is blind when the primaries change, until those that there are now tell', async () => {
    const server = new FakeTrackingServer('a', 'b');
    const { sink, feeds } = await armed(server);
    server.become('b', 'a');
    expect(sink.events).toEqual(['armed']);
    server.become('a', 'c');
    expect(sink.events).toEqual(['armed', 'blind Error']);
    await settle();
    expect(sink.events).toEqual(['armed', 'blind Error', 'armed']);
    expect(server.alive).toEqual(['a', 'c']);
    server.become('a');
    expect(sink.events.slice(3)).toEqual(['blind Error', 'armed']);
    feeds.close();
  });
});

describe('closing', () => {
  it('ends all connections, says so, and takes no more', async () => {
    const { server, clock, feeds, sink, reported } = await armed();
    feeds.close();
    expect(sink.events).toEqual(['armed', 'blind ClosedError']);
    expect(server.alive).toEqual([]);
    expect(clock.armed).toBe(0);
    expect(() => feeds.listen(TARGET, sink)).toThrow(expect.objectContaining({ code: 'RU_CLOSED' }));
    expect(reported).toEqual([]);
  });

  it('while a connection is being made, refused or waited for leaves nothing', async () => {
    for (const trouble of ['unreachable', 'late', 'down', 'frozen'] as const) {
      const { server, clock, feeds, sink } = setUp();
      server.reachable = trouble !== 'unreachable';
      server.down = trouble === 'down';
      server.frozen = trouble === 'frozen';
      const handle = feeds.listen(TARGET, sink);
      if (trouble !== 'late') await settle();
      handle.close();
      await settle();
      expect(server.alive).toEqual([]);
      expect(clock.armed).toBe(0);
      expect(sink.events).toEqual([]);
    }
  });

  it('by a sink that hears that it is blind leaves nothing', async () => {
    const { server, clock, feeds } = setUp();
    const sink = new RecordingSink();
    const handle = feeds.listen(TARGET, sink);
    sink.onBlind = () => handle.close();
    await settle();
    server.connection().end(lost());
    await settle();
    expect(server.alive).toEqual([]);
    expect(clock.armed).toBe(0);
  });
});

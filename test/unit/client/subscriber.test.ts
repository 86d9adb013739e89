import { describe, expect, it } from 'vitest';
import type { SubscriptionKind } from '../../../src/client/driver.js';
import { Subscriber, type MessageSink } from '../../../src/client/subscriptions/subscriber.js';
import { ClosedError, ServerError, TimeoutError } from '../../../src/core/errors.js';
import { systemRandom } from '../../../src/core/random.js';
import { ManualClock } from '../../support/manual-clock.js';
import { FakeServer } from './fake-pubsub-server.js';

class RecordingSink implements MessageSink {
  readonly events: string[] = [];

  onMessage(message: { payload: Buffer }): void {
    this.events.push(message.payload.toString());
  }
  onLost(): void {
    this.events.push('lost');
  }
  onRestored(): void {
    this.events.push('restored');
  }
  onFailed(error: Error): void {
    this.events.push(`failed ${error.name}`);
  }
}

function setUp() {
  const server = new FakeServer();
  const clock = new ManualClock();
  const reported: unknown[] = [];
  const subscriber = new Subscriber({
    open: server.open,
    clock,
    random: systemRandom,
    reportError: (_source, error) => void reported.push(error),
  });
  return { server, clock, subscriber, reported };
}

const channel = (name: string): { kind: SubscriptionKind; name: string } => ({ kind: 'channel', name });

/** Lets every promise that can settle without a timer do so. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Subscriber', () => {
  it('opens one connection with the first subscription and none before', async () => {
    const { server, subscriber } = setUp();
    expect(server.opens).toBe(0);
    await Promise.all(['a', 'b', 'c'].map((name) => subscriber.subscribe(channel(name), new RecordingSink())));
    expect(server.opens).toBe(1);
    expect(server.subscribed('channel')).toEqual(['a', 'b', 'c']);
    expect(subscriber.stats()).toMatchObject({ state: 'ready', channels: 3, sinks: 3 });
  });

  it('subscribes a name once for many sinks and unsubscribes it with the last', async () => {
    const { server, subscriber } = setUp();
    const sinks = [new RecordingSink(), new RecordingSink()];
    const handles = await Promise.all(sinks.map((sink) => subscriber.subscribe(channel('a'), sink)));
    server.publish('a', '1');
    await handles[0]?.release();
    server.publish('a', '2');
    await handles[1]?.release();
    expect(sinks.map((sink) => sink.events)).toEqual([['1'], ['1', '2']]);
    expect(server.connection?.log).toEqual(['subscribe a', 'unsubscribe a']);
  });

  it('closes the connection shortly after the last subscription, unless another comes', async () => {
    const { server, clock, subscriber } = setUp();
    const first = await subscriber.subscribe(channel('a'), new RecordingSink());
    await first.release();
    clock.advance(900);
    const second = await subscriber.subscribe(channel('b'), new RecordingSink());
    clock.advance(5_000);
    expect(server.opens).toBe(1);
    await second.release();
    clock.advance(1_000);
    expect(server.connection).toBeUndefined();
    expect(clock.armed).toBe(0);
    expect(subscriber.stats().state).toBe('idle');
  });

  it('keeps channels and patterns of the same name apart', async () => {
    const { server, subscriber } = setUp();
    const onChannel = new RecordingSink();
    const onPattern = new RecordingSink();
    await subscriber.subscribe(channel('a'), onChannel);
    const pattern = await subscriber.subscribe({ kind: 'pattern', name: 'a' }, onPattern);
    await pattern.release();
    server.publish('a', '1');
    expect(onChannel.events).toEqual(['1']);
    expect(onPattern.events).toEqual([]);
  });

  it('a release while the subscribe is in flight ends in no subscription', async () => {
    const { server, subscriber } = setUp();
    server.automatic = false;
    const aborter = new AbortController();
    const joined = subscriber.subscribe(channel('a'), new RecordingSink(), aborter.signal);
    await settle();
    aborter.abort(new Error('no longer wanted'));
    await expect(joined).rejects.toThrow('no longer wanted');
    server.answer(2);
    await settle();
    server.answer();
    await settle();
    expect(server.subscribed('channel')).toEqual([]);
    expect(subscriber.stats()).toMatchObject({ channels: 0, sinks: 0 });
  });

  it('a thousand changes in one tick cost at most two commands', async () => {
    const { server, subscriber } = setUp();
    const keeper = await subscriber.subscribe(channel('other'), new RecordingSink());
    const before = server.connection?.log.length ?? 0;
    const handles = Array.from({ length: 1000 }, () => subscriber.subscribe(channel('a'), new RecordingSink()));
    await Promise.all(handles.map(async (handle) => (await handle).release()));
    expect(server.connection?.log.slice(before)).toEqual(['subscribe a', 'unsubscribe a']);
    await keeper.release();
  });

  it('a name that the server refuses fails alone', async () => {
    const { server, subscriber } = setUp();
    server.forbidden.set('secret', 'NOPERM');
    const sink = new RecordingSink();
    const [ok, secret] = await Promise.allSettled([
      subscriber.subscribe(channel('ok'), sink),
      subscriber.subscribe(channel('secret'), new RecordingSink()),
    ]);
    expect(ok.status).toBe('fulfilled');
    expect(secret).toMatchObject({ status: 'rejected', reason: expect.any(ServerError) });
    server.publish('ok', '1');
    expect(sink.events).toEqual(['1']);
    expect(subscriber.stats()).toMatchObject({ channels: 1, sinks: 1 });
  });

  it('a lost connection is told once, replaced, and every name is subscribed again', async () => {
    const { server, clock, subscriber, reported } = setUp();
    const sink = new RecordingSink();
    await subscriber.subscribe(channel('a'), sink);
    server.down = true;
    server.kill();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      clock.advance(2_000);
      await settle();
    }
    server.down = false;
    clock.advance(2_000);
    await settle();
    server.publish('a', '1');
    expect(sink.events).toEqual(['lost', 'restored', '1']);
    expect(reported.length).toBeGreaterThan(1);
    expect(subscriber.stats()).toMatchObject({ state: 'ready', losses: 1 });
  });

  it('a connection that keeps breaking is not reopened in a storm', async () => {
    const { server, clock, subscriber } = setUp();
    await subscriber.subscribe(channel('a'), new RecordingSink());
    for (let waited = 0; waited < 10_000; waited += 10) {
      server.kill();
      clock.advance(10);
      await settle();
    }
    expect(server.opens).toBeLessThan(60);
  });

  it('a sink that subscribes anew when it loses its connection does not jump the back-off', async () => {
    const { server, clock, subscriber } = setUp();
    const sink = new RecordingSink();
    sink.onLost = () => void subscriber.subscribe(channel('b'), new RecordingSink()).catch(() => {});
    await subscriber.subscribe(channel('a'), sink);
    server.kill();
    await settle();
    expect(server.opens).toBe(1);
    clock.advance(2_000);
    await settle();
    expect(server.subscribed('channel')).toEqual(['a', 'b']);
  });

  it('a subscription that is forbidden by the time of reconnecting fails alone and for good', async () => {
    const { server, clock, subscriber } = setUp();
    const ok = new RecordingSink();
    const secret = new RecordingSink();
    await subscriber.subscribe(channel('ok'), ok);
    const handle = await subscriber.subscribe(channel('secret'), secret);
    server.forbidden.set('secret', 'NOPERM');
    server.kill();
    clock.advance(2_000);
    await settle();
    expect(ok.events).toEqual(['lost', 'restored']);
    expect(secret.events).toEqual(['lost', 'failed ServerError']);
    expect(subscriber.stats()).toMatchObject({ channels: 1, state: 'ready' });
    await handle.release();
  });

  it('a server that is busy when subscriptions are restored is asked again', async () => {
    const { server, clock, subscriber } = setUp();
    const sink = new RecordingSink();
    await subscriber.subscribe(channel('a'), sink);
    server.forbidden.set('a', 'BUSY');
    server.kill();
    clock.advance(2_000);
    await settle();
    expect(sink.events).toEqual(['lost']);
    server.forbidden.clear();
    clock.advance(4_000);
    await settle();
    expect(sink.events).toEqual(['lost', 'restored']);
  });

  it('a connection that ends during subscribing rejects the caller, and nothing is left', async () => {
    const { server, clock, subscriber } = setUp();
    server.automatic = false;
    const joined = subscriber.subscribe(channel('a'), new RecordingSink());
    await settle();
    server.kill();
    await expect(joined).rejects.toMatchObject({ code: 'RU_CONNECTION' });
    expect(subscriber.stats()).toMatchObject({ state: 'idle', channels: 0, sinks: 0 });
    expect(clock.armed).toBe(0);
  });

  it('a server that cannot be reached rejects the caller at once', async () => {
    const { server, clock, subscriber } = setUp();
    server.down = true;
    await expect(subscriber.subscribe(channel('a'), new RecordingSink())).rejects.toMatchObject({
      code: 'RU_CONNECTION',
    });
    expect(clock.armed).toBe(0);
  });

  it('a subscription asked for between connections waits for the next one', async () => {
    const { server, clock, subscriber } = setUp();
    await subscriber.subscribe(channel('a'), new RecordingSink());
    server.kill();
    const joined = subscriber.subscribe(channel('b'), new RecordingSink());
    clock.advance(2_000);
    await joined;
    expect(server.subscribed('channel')).toEqual(['a', 'b']);
  });

  it('a release between connections resolves at once and stops the reconnecting', async () => {
    const { server, clock, subscriber } = setUp();
    const handle = await subscriber.subscribe(channel('a'), new RecordingSink());
    server.kill();
    await handle.release();
    expect(clock.armed).toBe(0);
    clock.advance(10_000);
    await settle();
    expect(server.opens).toBe(1);
  });

  it('a server that never acknowledges ends the wait and the connection', async () => {
    const { server, clock, subscriber } = setUp();
    server.automatic = false;
    const joined = subscriber.subscribe(channel('a'), new RecordingSink());
    const failed = expect(joined).rejects.toBeInstanceOf(TimeoutError);
    await settle();
    clock.advance(5_000);
    await failed;
    expect(server.connection).toBeUndefined();
  });

  it('a message right behind the acknowledgement reaches the sink', async () => {
    const { server, subscriber } = setUp();
    server.automatic = false;
    const sink = new RecordingSink();
    const joined = subscriber.subscribe(channel('a'), sink);
    await settle();
    server.answer();
    server.publish('a', '1');
    await joined;
    expect(sink.events).toEqual(['1']);
  });

  it('a sink that joins during an unsubscribe begins with its own acknowledgement', async () => {
    const { server, subscriber } = setUp();
    const first = await subscriber.subscribe(channel('a'), new RecordingSink());
    server.automatic = false;
    const released = first.release();
    const sink = new RecordingSink();
    const joined = subscriber.subscribe(channel('a'), sink);
    server.publish('a', 'before');
    server.answer();
    await settle();
    server.answer();
    await Promise.all([released, joined]);
    server.publish('a', 'after');
    expect(sink.events).toEqual(['after']);
  });

  it('a sink that throws harms neither the others nor the connection', async () => {
    const { server, clock, subscriber, reported } = setUp();
    const bad: MessageSink = {
      onMessage: () => raise('message'),
      onLost: () => raise('lost'),
      onRestored: () => raise('restored'),
      onFailed: () => raise('failed'),
    };
    const good = new RecordingSink();
    await subscriber.subscribe(channel('a'), bad);
    await subscriber.subscribe(channel('a'), good);
    server.publish('a', '1');
    server.publish('a', '2');
    server.kill();
    clock.advance(2_000);
    await settle();
    subscriber.close();
    expect(good.events).toEqual(['1', '2', 'lost', 'restored', 'failed ClosedError']);
    const texts = reported.map((error) => (error as Error).message);
    expect(texts).toEqual(['message', 'message', 'lost', 'lost', 'restored', 'failed']);
  });

  it('sinks that come and go during a delivery do not disturb it', async () => {
    const { server, subscriber } = setUp();
    const second = new RecordingSink();
    const late = new RecordingSink();
    const first = new RecordingSink();
    await subscriber.subscribe(channel('a'), first);
    const handle = await subscriber.subscribe(channel('a'), second);
    first.onMessage = () => {
      void handle.release();
      void subscriber.subscribe(channel('a'), late);
    };
    server.publish('a', '1');
    expect(second.events).toEqual([]);
    expect(late.events).toEqual([]);
    server.publish('a', '2');
    expect(late.events).toEqual(['2']);
  });

  it('close ends who waits and who listens, and leaves nothing behind', async () => {
    const { server, clock, subscriber } = setUp();
    const sink = new RecordingSink();
    const handle = await subscriber.subscribe(channel('a'), sink);
    server.automatic = false;
    const waiting = subscriber.subscribe(channel('b'), new RecordingSink());
    subscriber.close();
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    expect(sink.events).toEqual(['failed ClosedError']);
    await handle.release();
    await expect(subscriber.subscribe(channel('a'), sink)).rejects.toBeInstanceOf(ClosedError);
    expect(server.connection).toBeUndefined();
    expect(clock.armed).toBe(0);
  });

  it('a connection that arrives after close is ended', async () => {
    const { server, subscriber } = setUp();
    const waiting = subscriber.subscribe(channel('a'), new RecordingSink());
    subscriber.close();
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    await settle();
    expect(server.opened.length).toBe(1);
    expect(server.connection).toBeUndefined();
  });
});

function raise(message: string): never {
  throw new Error(message);
}

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import { PubSubManager, SlowConsumerError } from '../../../src/pubsub/index.js';
import { drained, schemaOf, settle, take } from './reading.js';
import { StubManager } from './stub-manager.js';

describe('Subscription', () => {
  it('return() settles while next() is pending, and the loop’s end unsubscribes', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe('a');
    const iterator = subscription[Symbol.asyncIterator]();
    const next = iterator.next();
    expect(await iterator.return?.()).toEqual({ value: undefined, done: true });
    expect((await next).done).toBe(true);
    expect(stub.server.subscribed('channel')).toEqual([]);
    expect(await subscription.closed).toBeUndefined();
  });

  it('return() settles while a schema never answers', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const never = schemaOf<number>(
      () => true,
      () => new Promise<void>(() => {}),
    );
    const subscription = await pubsub.subscribe('a', { schema: never });
    const iterator = subscription[Symbol.asyncIterator]();
    const next = iterator.next();
    await pubsub.publish('a', 1);
    await iterator.return?.();
    expect((await next).done).toBe(true);
    expect((await iterator.next()).done).toBe(true);
  });

  it('leaving a loop unsubscribes', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a');
    await pubsub.publish('a', 1);
    for await (const message of subscription) {
      expect(message.data).toBe(1);
      break;
    }
    expect(stub.server.subscribed('channel')).toEqual([]);
  });

  it('unsubscribe gives up what waits', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a');
    await pubsub.publish('a', 1);
    expect(subscription.pending).toBe(1);
    await subscription.unsubscribe();
    expect(subscription.pending).toBe(0);
    expect(await take(subscription, 1)).toEqual([]);
  });

  it('drain may be awaited inside the loop, which then delivers the rest and ends', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a');
    for (const n of [1, 2, 3]) await pubsub.publish('a', n);
    const read: number[] = [];
    for await (const message of subscription) {
      read.push(message.data);
      if (read.length === 1) {
        await subscription.drain();
        await pubsub.publish('a', 4);
      }
    }
    expect(read).toEqual([1, 2, 3]);
    expect(await subscription.closed).toBeUndefined();
  });

  it('several iterators share the messages', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a');
    const both = Promise.all([take(subscription, 1), take(subscription, 1)]);
    await pubsub.publish('a', 1);
    await pubsub.publish('a', 2);
    expect(await both).toEqual([[1], [2]]);
  });

  it('an aborted signal is an unsubscribe; before the acknowledgement it rejects', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const aborter = new AbortController();
    const subscription = await pubsub.subscribe('a', { signal: aborter.signal });
    const next = subscription[Symbol.asyncIterator]().next();
    aborter.abort(new Error('enough'));
    expect((await next).done).toBe(true);
    expect(await subscription.closed).toBeUndefined();
    await expect(pubsub.subscribe('a', { signal: aborter.signal })).rejects.toThrow('enough');
    await settle();
    expect(stub.server.subscribed('channel')).toEqual([]);
  });

  it.each([
    ['drop-oldest', [3, 4], 2],
    ['drop-newest', [1, 2], 2],
  ] as const)('a full buffer with %s keeps %j and counts the rest', async (overflow, kept, dropped) => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a', { buffer: { max: 2, overflow } });
    for (const n of [1, 2, 3, 4]) await pubsub.publish('a', n);
    expect([subscription.pending, subscription.dropped]).toEqual([2, dropped]);
    expect(await drained(subscription)).toEqual(kept);
  });

  it("a full buffer with 'error' ends the subscription: what waits is read first, then the error", async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a', { buffer: { max: 2, overflow: 'error' } });
    for (const n of [1, 2, 3]) await pubsub.publish('a', n);
    expect(await subscription.closed).toBeInstanceOf(SlowConsumerError);
    await settle();
    expect(stub.server.subscribed('channel')).toEqual([]);
    expect(await take(subscription, 2)).toEqual([1, 2]);
    await expect(take(subscription, 1)).rejects.toMatchObject({ code: 'RU_SLOW_CONSUMER', max: 2 });
    expect(await take(subscription, 1)).toEqual([]);
  });

  it('conflation keeps the newest per key in the turn of the first, and drops the oldest key without room', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<{ k: string; n: number }>('a', {
      buffer: { max: 2, overflow: { conflate: ({ k }) => k } },
    });
    for (const [k, n] of [
      ['x', 1],
      ['y', 1],
      ['x', 2],
      ['z', 1],
      ['z', 2],
    ] as const)
      await pubsub.publish('a', { k, n });
    expect(subscription.dropped).toBe(3);
    expect(await drained(subscription)).toEqual([
      { k: 'y', n: 1 },
      { k: 'z', n: 2 },
    ]);
  });

  it('conflation refuses a schema that answers late', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const schema = schemaOf<number>(() => true, settle);
    const subscription = await pubsub.subscribe('a', { schema, buffer: { overflow: { conflate: String } } });
    await pubsub.publish('a', 1);
    expect(await subscription.closed).toBeInstanceOf(ConfigError);
  });

  it('after a loss it goes on by itself and signals one gap', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<number>('a');
    const gaps: unknown[] = [];
    subscription.onGap((gap) => gaps.push(gap));
    const heardMs = stub.clock.wallMs();
    stub.clock.advance(500);
    stub.server.kill();
    const taken = take(subscription, 1);
    stub.clock.advance(2_000);
    await settle();
    await pubsub.publish('a', 7);
    expect(await taken).toEqual([7]);
    expect(gaps).toEqual([{ cause: 'connection-lost', sinceMs: heardMs, untilMs: stub.clock.wallMs() }]);
  });

  it('a subscription that may not be restored tells its error to the reader and to closed', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const ok = await pubsub.subscribe<number>('ok');
    const secret = await pubsub.subscribe<number>('secret');
    await pubsub.publish('secret', 1);
    stub.server.forbidden.set('secret', 'NOPERM');
    stub.server.kill();
    stub.clock.advance(2_000);
    expect(await secret.closed).toMatchObject({ replyCode: 'NOPERM' });
    expect(await take(secret, 1)).toEqual([1]);
    await expect(take(secret, 1)).rejects.toMatchObject({ replyCode: 'NOPERM' });
    await pubsub.publish('ok', 2);
    expect(await take(ok, 1)).toEqual([2]);
  });
});

import { describe, expect, it } from 'vitest';
import { Keyring, generateKey, json } from '../../../src/codec/index.js';
import { ClosedError, ConfigError } from '../../../src/core/errors.js';
import { PayloadError, PubSubManager, channel } from '../../../src/pubsub/index.js';
import { drained, isNumber, schemaOf, settle, take } from './reading.js';
import { StubManager } from './stub-manager.js';

describe('PubSubManager', () => {
  it('delivers what is published, with channel, publisher and self', async () => {
    const stub = new StubManager();
    const mine = new PubSubManager(stub.asManager);
    const other = new PubSubManager(stub.asManager);
    const subscription = await mine.subscribe<{ n: number }>('news');
    expect(await mine.publish('news', { n: 1 })).toEqual({ receivers: 1 });
    await other.publish('news', { n: 2 });
    const iterator = subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual({
      data: { n: 1 },
      channel: 'news',
      publisher: mine.publisher,
      self: true,
    });
    expect((await iterator.next()).value).toMatchObject({ data: { n: 2 }, publisher: other.publisher, self: false });
    expect(mine.publisher).toMatch(/^[\w-]{11}$/);
    expect(await mine.publish('nobody', 1)).toEqual({ receivers: 0 });
  });

  it('adds its prefix at the server and takes it off again, also under a pattern', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager, { prefix: 'app*:' });
    const direct = await pubsub.subscribe('news');
    const pattern = await pubsub.psubscribe('n*');
    await pubsub.publish('news', 1);
    expect(stub.server.subscribed('channel')).toEqual(['app*:news']);
    expect(stub.server.subscribed('pattern')).toEqual(['app\\*:n*']);
    expect((await direct[Symbol.asyncIterator]().next()).value).toMatchObject({ channel: 'news' });
    const viaPattern = (await pattern[Symbol.asyncIterator]().next()).value;
    expect(viaPattern).toMatchObject({ channel: 'news', pattern: 'n*', data: 1, self: true });
  });

  it('ignoreSelf leaves out its own messages and nobody else’s', async () => {
    const stub = new StubManager();
    const mine = new PubSubManager(stub.asManager);
    const other = new PubSubManager(stub.asManager);
    const subscription = await mine.subscribe<number>('a', { ignoreSelf: true });
    await mine.publish('a', 1);
    await other.publish('a', 2);
    stub.deliver('a', '3');
    expect(await drained(subscription)).toEqual([2, 3]);
    expect(subscription.dropped).toBe(0);
  });

  it('refuses an outgoing message that does not match, without its value in any text', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const secret = channel('n', { schema: isNumber })();
    const error = await pubsub.publish(secret, 'hunter2' as unknown as number).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PayloadError);
    expect(error).toMatchObject({ code: 'RU_PAYLOAD', channel: 'n', direction: 'outgoing', paths: ['$.data[0]'] });
    expect((error as PayloadError).issues[0]?.message).toContain('hunter2');
    const { inspect } = await import('node:util');
    expect(JSON.stringify(error) + inspect(error) + String(error)).not.toContain('hunter2');
    expect(stub.published).toEqual([]);
  });

  it('keeps the order of the calls on one channel through a schema that answers late', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const slowFirst = schemaOf<number>(
      () => true,
      (value) => (value === 1 ? settle().then(settle) : Promise.resolve()),
    );
    const slow = channel('c', { schema: slowFirst })();
    const subscription = await pubsub.subscribe<number>('c');
    const results = await Promise.all([
      pubsub.publish(slow, 1),
      pubsub.publish(slow, 2),
      pubsub.publish('c', 3),
      pubsub.publish(channel('c', { schema: isNumber })(), 4),
    ]);
    expect(results).toHaveLength(4);
    expect(await drained(subscription)).toEqual([1, 2, 3, 4]);
  });

  it('a refused message gives up its turn and does not hold up later ones', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const late = channel('c', { schema: schemaOf<number>((value) => value !== 2, settle) })();
    const subscription = await pubsub.subscribe<number>('c');
    const results = await Promise.allSettled([1, 2, 3].map((n) => pubsub.publish(late, n)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await drained(subscription)).toEqual([1, 3]);
  });

  it('keeps the order of arrival through a schema that answers late', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const schema = schemaOf<number>(
      () => true,
      (value) => (value === 1 ? settle().then(settle) : Promise.resolve()),
    );
    const subscription = await pubsub.subscribe<number>('c', { schema });
    const taken = take(subscription, 3);
    for (const n of [1, 2, 3]) await pubsub.publish('c', n);
    expect(await taken).toEqual([1, 2, 3]);
  });

  it('skips an incoming message that does not match, and tells the error event', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe('c', { schema: isNumber });
    await pubsub.publish('c', 'no number');
    await pubsub.publish('c', 5);
    expect(await drained(subscription)).toEqual([5]);
    expect(stub.reported).toEqual([expect.any(PayloadError)]);
  });

  it('onInvalid as a function hears of each; what it throws harms nobody', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const heard: PayloadError[] = [];
    const subscription = await pubsub.subscribe('c', {
      schema: isNumber,
      onInvalid: (error) => {
        heard.push(error);
        throw new Error('oops');
      },
    });
    await pubsub.publish('c', 'no number');
    stub.deliver('c', Buffer.from([0xc1, 0x03, 0]));
    await pubsub.publish('c', 5);
    expect(await drained(subscription)).toEqual([5]);
    expect(heard.map(({ paths }) => paths.length)).toEqual([1, 0]);
    expect(heard[1]?.cause).toMatchObject({ code: 'RU_DECODE' });
    expect(stub.reported).toHaveLength(2);
  });

  it("onInvalid 'throw' ends the subscription at that message", async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe('c', { schema: isNumber, onInvalid: 'throw' });
    await pubsub.publish('c', 1);
    await pubsub.publish('c', 'no number');
    await pubsub.publish('c', 2);
    const iterator = subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ data: 1 });
    await expect(iterator.next()).rejects.toBeInstanceOf(PayloadError);
    expect((await iterator.next()).done).toBe(true);
    expect(await subscription.closed).toBeInstanceOf(PayloadError);
    expect(stub.server.subscribed('channel')).toEqual([]);
  });

  it('reads plain JSON and bare envelopes of foreign publishers, and raw bytes by option', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const raw = new PubSubManager(stub.asManager, { foreign: 'raw' });
    const asJson = await pubsub.subscribe('c');
    const asBytes = await raw.subscribe('c');
    stub.deliver('c', '{"a":1}');
    await pubsub.publish('c', 'framed');
    const bare = stub.published[0]?.payload.subarray(23) ?? Buffer.alloc(0);
    stub.deliver('c', bare);
    stub.deliver('c', 'not json');
    const iterator = asJson[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual({ data: { a: 1 }, channel: 'c', publisher: '', self: false });
    expect((await iterator.next()).value).toMatchObject({ data: 'framed', self: true });
    expect((await iterator.next()).value).toMatchObject({ data: 'framed', publisher: '' });
    expect((await drained(asBytes)).map(String)).toEqual(['{"a":1}', 'framed', 'framed', 'not json']);
    expect(await drained(asJson)).toEqual([]);
    expect(stub.reported).toHaveLength(1);
  });

  it('without an envelope, messages are what the serializer writes, for any program to read', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager, { codec: { serializer: json(), envelope: false } });
    const subscription = await pubsub.subscribe<object>('c');
    await pubsub.publish('c', { a: 1 });
    expect(stub.published[0]?.payload.toString()).toBe('{"a":1}');
    expect((await subscription[Symbol.asyncIterator]().next()).value).toMatchObject({ data: { a: 1 }, publisher: '' });
  });

  it('under a key ring, a message cannot be given another channel, publisher or number', async () => {
    const keyring = Keyring.of({ active: 'k1', keys: { k1: generateKey() } });
    const stub = new StubManager({ encryption: keyring });
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe<string>('c');
    await pubsub.publish('other', 'secret');
    await pubsub.publish('c', 'secret');
    const [moved, good] = stub.published.map(({ payload }) => payload);
    const renumbered = Buffer.from(good ?? '');
    renumbered.writeUIntBE(9, 11, 6);
    stub.deliver('c', moved ?? '');
    stub.deliver('c', renumbered);
    stub.deliver('c', '"plain"');
    expect(await drained(subscription)).toEqual(['secret']);
    expect(stub.reported.map((error) => ((error as Error).cause as { reason: string }).reason)).toEqual([
      'tampered',
      'tampered',
      'not-encrypted',
    ]);
  });

  it('numbers messages per channel, and a refused value takes no number', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    await pubsub.publish('a', 1);
    await expect(pubsub.publish('a', () => {})).rejects.toMatchObject({ code: 'RU_SERIALIZATION' });
    await pubsub.publish('b', 1);
    await pubsub.publish('a', 2);
    expect(stub.published.map(({ channel: name, payload }) => [name, payload.readUIntBE(11, 6)])).toEqual([
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ]);
  });

  it('a schema in the map of channels applies by name', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager, { channels: { n: isNumber } });
    const subscription = await pubsub.subscribe('n');
    await expect(pubsub.publish('n', 'x' as unknown as number)).rejects.toBeInstanceOf(PayloadError);
    await pubsub.publish('n', 1);
    expect(await drained(subscription)).toEqual([1]);
  });

  it('close ends every subscription quietly, also one that is on its way, and refuses later calls', async () => {
    const stub = new StubManager();
    const pubsub = new PubSubManager(stub.asManager);
    const subscription = await pubsub.subscribe('a');
    const next = subscription[Symbol.asyncIterator]().next();
    const late = pubsub.subscribe('b');
    await pubsub.close();
    await expect(late).rejects.toBeInstanceOf(ClosedError);
    expect((await next).done).toBe(true);
    expect(await subscription.closed).toBeUndefined();
    await expect(pubsub.publish('a', 1)).rejects.toBeInstanceOf(ClosedError);
    await settle();
    expect(stub.server.subscribed('channel')).toEqual([]);
    expect(stub.hooks.size).toBe(0);
  });

  it('names wrong options', async () => {
    const stub = new StubManager();
    expect(() => new PubSubManager(stub.asManager, { prefx: 'a' } as never)).toThrow(/did you mean `prefix`/);
    const pubsub = new PubSubManager(stub.asManager);
    await expect(pubsub.subscribe('a', { buffer: { max: 0 } })).rejects.toThrow(/subscribe\.buffer\.max/);
    await expect(pubsub.subscribe('a', { buffer: { overflow: 'spill' as never } })).rejects.toBeInstanceOf(ConfigError);
    await expect(pubsub.subscribe('')).rejects.toBeInstanceOf(ConfigError);
    await expect(pubsub.publish('a', 1, { timout: 1 } as never)).rejects.toThrow(/did you mean `timeout`/);
    expect(stub.server.opens).toBe(0);
  });
});

import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { PayloadError, PubSubManager, channel, type Message, type Subscription } from '../../../src/pubsub/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';
import { subscribersOf } from './subscribers.js';

noLeaks();

interface Edit {
  readonly at: number;
  readonly text: string;
}

const edit: StandardSchemaV1<unknown, Edit> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as Edit | undefined)?.at === 'number'
        ? { value: value as Edit }
        : { issues: [{ message: 'not a number', path: ['at'] }] },
  },
};

/** What `publish` tells: in a cluster nobody counts all subscribers. */
const handedTo = (receivers: number): object => (target.cluster ? {} : { receivers });

async function next<T>(subscription: Subscription<T>): Promise<Message<T>> {
  const { value } = await subscription[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error('The subscription has ended');
  return value;
}

describe('PubSubManager on a server', () => {
  it('what is published right after the acknowledgement arrives, between two managers', async () => {
    const [publisher, subscriber] = [new PubSubManager(await connect()), new PubSubManager(await connect())];
    const name = `news-${randomUUID()}`;
    const subscription = await subscriber.subscribe<{ n: number }>(name);
    expect(await publisher.publish(name, { n: 1 })).toStrictEqual(handedTo(1));
    expect(await next(subscription)).toEqual({
      data: { n: 1 },
      channel: name,
      publisher: publisher.publisher,
      self: false,
    });
  });

  it('typed channels are checked on both sides', async () => {
    const pubsub = new PubSubManager(await connect());
    const edits = channel('doc:{documentId}', { schema: edit });
    const documentId = randomUUID();
    const subscription = await pubsub.subscribe(edits({ documentId }));
    expect(subscription.channel).toBe(`doc:${documentId}`);
    await expect(pubsub.publish(edits({ documentId }), { at: 'x' } as never)).rejects.toBeInstanceOf(PayloadError);
    await raw(['PUBLISH', `doc:${documentId}`, '{"at":"wrong"}']);
    await raw(['PUBLISH', `doc:${documentId}`, '{"at":1,"text":"foreign"}']);
    await pubsub.publish(edits({ documentId }), { at: 2, text: 'own' });
    expect([(await next(subscription)).data, (await next(subscription)).data]).toEqual([
      { at: 1, text: 'foreign' },
      { at: 2, text: 'own' },
    ]);
  });

  it('a pattern gets the messages of every channel that matches, once more beside the channel itself', async () => {
    const pubsub = new PubSubManager(await connect());
    const base = randomUUID();
    const pattern = await pubsub.psubscribe<number>(`${base}:*`);
    const one = await pubsub.subscribe<number>(`${base}:a`);
    expect(await pubsub.publish(`${base}:a`, 1)).toStrictEqual(handedTo(2));
    expect(await pubsub.publish(`${base}:b`, 2)).toStrictEqual(handedTo(1));
    expect(await next(pattern)).toMatchObject({ data: 1, channel: `${base}:a`, pattern: `${base}:*` });
    expect(await next(pattern)).toMatchObject({ data: 2, channel: `${base}:b` });
    expect(await next(one)).toMatchObject({ data: 1 });
    expect(one.pending).toBe(0);
  });

  it('a prefix is part of the name at the server, and taken literally in patterns', async () => {
    const prefix = `[x]*${randomUUID()}:`;
    const pubsub = new PubSubManager(await connect(), { prefix });
    const pattern = await pubsub.psubscribe<number>('?');
    const receivers = await raw(['PUBLISH', `${prefix}a`, '1']);
    if (!target.cluster) expect(receivers).toBe(1);
    expect(await next(pattern)).toMatchObject({ data: 1, channel: 'a', pattern: '?' });
  });

  it('many subscriptions of one name are one at the server, and none after the last', async () => {
    const manager = await connect();
    const pubsub = new PubSubManager(manager);
    const name = randomUUID();
    const subscriptions = await Promise.all(Array.from({ length: 20 }, () => pubsub.subscribe<number>(name)));
    if (!target.embedded) expect(await subscribersOf(name)).toEqual([1]);
    expect(await pubsub.publish(name, 1)).toStrictEqual(handedTo(1));
    const received = await Promise.all(subscriptions.map(async (subscription) => (await next(subscription)).data));
    expect(received).toEqual(Array.from({ length: 20 }, () => 1));
    await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
    if (!target.embedded) expect(await subscribersOf(name)).toEqual([0]);
    expect(await pubsub.publish(name, 2)).toStrictEqual(handedTo(0));
    expect(manager.subscriber.stats()).toMatchObject({ channels: 0, patterns: 0, sinks: 0 });
  });

  it('a thousand channels share one connection', async () => {
    const manager = await connect();
    const pubsub = new PubSubManager(manager);
    const base = randomUUID();
    const names = Array.from({ length: 1000 }, (_, index) => `${base}:${index}`);
    const subscriptions = await Promise.all(names.map((name) => pubsub.subscribe<number>(name)));
    const results = await Promise.all(names.map((name, index) => pubsub.publish(name, index)));
    expect(results).toStrictEqual(names.map(() => handedTo(1)));
    if (!target.embedded) expect(await subscribersOf(...names)).toEqual(names.map(() => 1));
    const received = await Promise.all(subscriptions.map(async (subscription) => (await next(subscription)).data));
    expect(received).toEqual(names.map((_, index) => index));
    await pubsub.close();
  });

  it('values of every kind come back as they are: binary, empty text, large, dates', async () => {
    const pubsub = new PubSubManager(await connect());
    const name = randomUUID();
    const subscription = await pubsub.subscribe(name);
    const values = [Buffer.from([0, 255, 193, 3]), '', 'é\n\0', 'x'.repeat(300_000), new Date(0), null, [1, { a: [] }]];
    for (const value of values) await pubsub.publish(name, value);
    for (const value of values) expect((await next(subscription)).data).toEqual(value);
  });

  it('closing the manager ends iteration and leaves no subscription', async () => {
    const manager = await connect();
    const pubsub = new PubSubManager(manager);
    const name = randomUUID();
    const subscription = await pubsub.subscribe(name);
    const reading = subscription[Symbol.asyncIterator]().next();
    await manager.close();
    expect((await reading).done).toBe(true);
    expect(await subscription.closed).toBeUndefined();
    await expect(pubsub.publish(name, 1)).rejects.toMatchObject({ code: 'RU_CLOSED' });
    await expect(pubsub.subscribe(name)).rejects.toMatchObject({ code: 'RU_CLOSED' });
    if (!target.embedded) expect(await subscribersOf(name)).toEqual([0]);
  });
});

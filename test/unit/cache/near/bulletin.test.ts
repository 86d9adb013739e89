import { describe, expect, it } from 'vitest';
import { Bulletin } from '../../../../src/cache/near/bulletin.js';
import type { Feed } from '../../../../src/cache/near/feed.js';
import { ClosedError, ServerError } from '../../../../src/core/errors.js';
import { noLeaks } from '../../../support/no-leaks.js';
import { FakeChannel, lost, settle } from './fake-channel.js';

noLeaks();

interface Heard {
  readonly told: string[];
  readonly feed: Feed;
}

function listen(bulletin: Bulletin): Heard {
  const told: string[] = [];
  const feed = bulletin.listen({
    onArmed: () => void told.push('armed'),
    onBlind: (cause) => void told.push(`blind ${cause.name}`),
    onInvalidate: (keys) => void told.push(...(keys ?? ['all'])),
  });
  return { told, feed };
}

function open(maxStalenessMs = 1_000): { channel: FakeChannel; bulletin: Bulletin } {
  const channel = new FakeChannel();
  return { channel, bulletin: new Bulletin({ manager: channel.manager, channel: 'c', maxStalenessMs }) };
}

async function armed(maxStalenessMs?: number): Promise<Heard & ReturnType<typeof open>> {
  const opened = open(maxStalenessMs);
  const heard = listen(opened.bulletin);
  await settle();
  expect(heard.told).toEqual(['armed']);
  return { ...opened, ...heard };
}

describe('what is heard', () => {
  it('is as coherent as when the last words that came back were sent, however long they take', async () => {
    const { channel, feed } = await armed(100);
    channel.delayMs = 60;
    await channel.pass(75);
    expect(feed.coherentAsOfMs).toBe(0);
    await channel.pass(25);
    expect(feed.coherentAsOfMs).toBe(25);
    await channel.pass(1_000);
    expect(feed.coherentAsOfMs).toBe(1_025);
    feed.close();
  });

  it('does not ask again before the server has answered', async () => {
    const { channel, feed, told } = await armed();
    channel.isFrozen = true;
    await channel.pass(10_000);
    expect(channel.published).toHaveLength(2);
    expect(feed.coherentAsOfMs).toBe(0);
    channel.thaw();
    await channel.pass(300);
    expect(feed.coherentAsOfMs).toBeGreaterThan(10_000);
    expect(told).toEqual(['armed']);
    feed.close();
  });

  it.each([
    'text',
    '5',
    'null',
    '{"keys":["a"]}',
    '{"by":"x"}',
    '{"by":"x","n":"1"}',
    '{"by":"x","keys":["b"]}',
    '{"by":"x","n":1,"keys":"abc"}',
    '{"by":"x","n":1,"keys":[1]}',
    '{"n":1}',
  ])('and not understood may be about any key: %s', async (text) => {
    const { channel, feed, told } = await armed();
    channel.deliver(text);
    expect(told).toEqual(['armed', 'all']);
    feed.close();
  });

  it('is what others change, and what it changed itself, but not signs of life of others', async () => {
    const { channel, bulletin, feed, told } = await armed();
    channel.deliver('{"by":"x","n":1}');
    channel.deliver('{"by":"x","n":2,"keys":["a","b"]}');
    channel.deliver('{"by":"x","n":3,"keys":[]}');
    bulletin.announce(['mine']);
    await settle();
    expect(told).toEqual(['armed', 'a', 'b', 'all', 'mine']);
    feed.close();
  });
});

describe('words that were lost', () => {
  it('may have been about any key: of others, who are heard again, or for the first time', async () => {
    const { channel, feed, told } = await armed();
    channel.deliver('{"by":"x","n":1}');
    channel.deliver('{"by":"x","n":3}');
    expect(told.splice(0)).toEqual(['armed', 'all']);
    channel.deliver('{"by":"x","n":2,"keys":["late"]}');
    channel.deliver('{"by":"x","n":3}');
    channel.deliver('{"by":"x","n":4}');
    expect(told.splice(0)).toEqual(['late']);
    channel.deliver('{"by":"y","n":7}');
    channel.deliver('{"by":"y","n":8}');
    expect(told).toEqual(['all']);
    feed.close();
  });

  it('may have been about any key: its own', async () => {
    const { channel, feed, told } = await armed();
    channel.isDeaf = true;
    await channel.pass(300);
    channel.isDeaf = false;
    await channel.pass(200);
    expect(told).toEqual(['armed', 'all']);
    await channel.pass(5_000);
    expect(told).toHaveLength(2);
    expect(feed.coherentAsOfMs).toBeGreaterThan(5_000);
    expect(channel.reported).toEqual([]);
    feed.close();
  });

  it('are noticed after the last news, too, of one who never listens', async () => {
    const { channel, feed, told } = await armed();
    const writer = new Bulletin({ manager: channel.manager, channel: 'c', maxStalenessMs: 1_000 });
    for (const key of ['a', 'b']) {
      writer.announce([key]);
      await settle();
    }
    channel.isDeaf = true;
    writer.announce(['lost']);
    await settle();
    channel.isDeaf = false;
    expect(told).toEqual(['armed', 'a', 'b']);
    await channel.pass(300);
    expect(told).toEqual(['armed', 'a', 'b', 'all']);
    feed.close();
    const so = channel.published.length;
    await channel.pass(5_000);
    expect(channel.published).toHaveLength(so);
    expect(channel.clock.armed).toBe(0);
  });
});

describe('it is blind', () => {
  it('when the connection is lost, until its own words come back on another', async () => {
    const { channel, feed, told } = await armed();
    channel.lose();
    expect(told).toEqual(['armed', 'blind ConnectionError']);
    expect(feed.coherentAsOfMs).toBe(-Infinity);
    channel.deliver('{"by":"x","n":1,"keys":["a"]}');
    await channel.pass(5_000);
    expect(channel.published).toHaveLength(1);
    channel.restore();
    await settle();
    expect(told).toEqual(['armed', 'blind ConnectionError', 'armed']);
    expect(channel.reported).toEqual([]);
    feed.close();
  });

  it('when its words do not come back, though the server has them, and has the connection replaced', async () => {
    const { channel, feed, told } = await armed();
    channel.isDeaf = true;
    await channel.pass(3_200);
    expect(told).toEqual(['armed']);
    await channel.pass(400);
    expect(told).toEqual(['armed', 'blind TimeoutError']);
    expect(channel.replaced).toBe(1);
    channel.restore();
    // where they never have, it is not the connection's fault
    await channel.pass(30_000);
    expect(channel.replaced).toBe(1);
    expect(channel.reported).toMatchObject([{ code: 'RU_TIMEOUT' }]);
    channel.isDeaf = false;
    await channel.pass(4_100);
    expect(told).toEqual(['armed', 'blind TimeoutError', 'armed']);
    feed.close();
  });

  it('when it cannot publish, says so once, and is armed when it can', async () => {
    const { channel, feed, told } = await armed();
    channel.refusal = lost();
    await channel.pass(10_000);
    expect(told).toEqual(['armed', 'blind ConnectionError']);
    expect(channel.reported).toHaveLength(1);
    channel.refusal = undefined;
    await channel.pass(1_100);
    expect(told).toEqual(['armed', 'blind ConnectionError', 'armed']);
    channel.refusal = lost();
    await channel.pass(300);
    expect(channel.reported).toHaveLength(2);
    feed.close();
  });

  it('from the beginning where it may not subscribe, says so once, and asks again', async () => {
    const { channel, bulletin } = open();
    channel.subscribeRefusal = new ServerError('NOPERM no', 'SUBSCRIBE');
    const { feed, told } = listen(bulletin);
    await channel.pass(10_000);
    expect(channel.reported).toHaveLength(1);
    expect(told).toEqual([]);
    channel.subscribeRefusal = undefined;
    await channel.pass(1_100);
    expect(told).toEqual(['armed']);
    feed.close();
  });
});

describe('what is changed', () => {
  it('is told once for all that change it together, in messages of a bounded size', async () => {
    const { channel, bulletin } = open();
    for (const key of ['a', 'b', 'a']) bulletin.announce([key]);
    bulletin.announce([]);
    await settle();
    expect(channel.news.map((text) => JSON.parse(text))).toMatchObject([{ keys: ['a', 'b'] }]);
    bulletin.announce(Array.from({ length: 2_500 }, (_, index) => `k${index}`));
    await settle();
    expect(channel.news).toHaveLength(4);
  });

  it('by nothing at all is not told: it would stand for everything', async () => {
    const { channel, bulletin } = open();
    bulletin.announce([]);
    await settle();
    expect(channel.news).toEqual([]);
  });

  it('while nothing can be told is told when it can be again, and reported once', async () => {
    const { channel, bulletin } = open();
    channel.refusal = lost();
    for (const key of ['a', 'b', 'c']) {
      bulletin.announce([key]);
      await settle();
    }
    await channel.pass(3_000);
    expect(channel.reported).toHaveLength(1);
    channel.refusal = undefined;
    await channel.pass(1_100);
    expect(channel.news.map((text) => JSON.parse(text).keys)).toEqual([['a', 'b', 'c']]);
    await channel.pass(300);
    expect(channel.clock.armed).toBe(0);
  });

  it('beyond what is remembered stands for all keys, however often that fails and whatever is told meanwhile', async () => {
    const { channel, bulletin } = open();
    channel.refusal = lost();
    bulletin.announce(Array.from({ length: 5_000 }, (_, index) => `k${index}`));
    await channel.pass(1_500);
    bulletin.announce(['late']);
    await channel.pass(2_000);
    channel.refusal = undefined;
    await channel.pass(1_100);
    expect(channel.news.map((text) => JSON.parse(text).keys)).toEqual([[]]);
  });

  it('is told once more, and no more, when it is closed', async () => {
    const { channel, bulletin } = open();
    channel.refusal = lost();
    bulletin.announce(['a']);
    await settle();
    channel.refusal = undefined;
    bulletin.close();
    await settle();
    expect(channel.news).toHaveLength(1);
    channel.refusal = lost();
    bulletin.announce(['b']);
    await settle();
    expect(channel.clock.armed).toBe(0);
  });

  it('when the manager is closed is nobody’s concern', async () => {
    const { channel, bulletin } = open();
    bulletin.announce(['a']);
    await settle();
    for (const hook of [...channel.closeHooks]) hook();
    channel.refusal = new ClosedError('The manager');
    bulletin.announce(['b']);
    await settle();
    expect(channel.reported).toEqual([]);
    expect(channel.clock.armed).toBe(0);
    expect(channel.closeHooks.size).toBe(0);
  });
});

describe('closing', () => {
  it('leaves nothing, and nothing is told after it', async () => {
    const { channel, feed, told } = await armed();
    channel.delayMs = 10;
    channel.lose();
    channel.restore();
    await settle();
    const [sink] = channel.sinks;
    feed.close();
    sink?.onMessage({
      kind: 'channel',
      name: 'c',
      channel: 'c',
      payload: Buffer.from(String(channel.published.at(-1))),
    });
    sink?.onMessage({
      kind: 'channel',
      name: 'c',
      channel: 'c',
      payload: Buffer.from('{"by":"x","n":1,"keys":["a"]}'),
    });
    sink?.onLost(lost(), 0);
    await settle();
    expect(channel.sinks.size).toBe(0);
    await channel.pass(10_000);
    expect(told).toEqual(['armed', 'blind ConnectionError']);
    expect(channel.clock.armed).toBe(0);
  });

  it('while it is being subscribed, refused or waited for leaves nothing', async () => {
    for (const trouble of ['none', 'refused', 'deaf'] as const) {
      const { channel, bulletin } = open();
      if (trouble === 'refused') channel.subscribeRefusal = lost();
      channel.isDeaf = trouble === 'deaf';
      const { feed, told } = listen(bulletin);
      if (trouble !== 'none') await settle();
      feed.close();
      await settle();
      expect(channel.sinks.size).toBe(0);
      expect(channel.clock.armed).toBe(0);
      expect(told).toEqual([]);
    }
  });

  it('of the manager is no failure', async () => {
    const { channel, feed, told } = await armed();
    for (const sink of [...channel.sinks]) sink.onFailed(new ClosedError('The subscriber'));
    expect(told).toEqual(['armed', 'blind ClosedError']);
    expect(channel.reported).toEqual([]);
    expect(channel.clock.armed).toBe(0);
    feed.close();
  });
});

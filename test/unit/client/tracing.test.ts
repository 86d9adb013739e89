import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import { afterThisTest } from '../../support/cleanup.js';

type Seen = readonly [event: string, context: Record<string, unknown>];

/** What a subscriber of a channel sees, until the test is over. */
function observe(name: string): Seen[] {
  const seen: Seen[] = [];
  const channel = tracingChannel(`redis-utils:${name}`);
  const note = (event: string) => (context: object) => void seen.push([event, { ...context }]);
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };
  channel.subscribe(subscribers);
  afterThisTest(() => channel.unsubscribe(subscribers));
  return seen;
}

async function connect(): Promise<RedisManager> {
  const manager = await RedisManager.connect(`memory://tracing-${randomBytes(4).toString('hex')}`);
  afterThisTest(async () => void (await manager.close()));
  return manager;
}

describe('the tracing channels', () => {
  it('tell of a command by name and numbers, and of nothing that it carries', async () => {
    const manager = await connect();
    const seen = observe('command');
    await manager.command(['set', 'secret-key', 'secret-value', 'PX', 60_000]);
    const facts = { command: 'SET', args: 4, keys: 1, leased: false };
    expect(seen).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'].map((event) => [event, facts]));
    expect(JSON.stringify(seen)).not.toContain('secret');
  });

  it('tell of a failure, before the caller hears of it', async () => {
    const manager = await connect();
    const seen = observe('command');
    const error: unknown = await manager.command(['NOSUCHCOMMAND', 'secret']).catch((reason: unknown) => reason);
    expect(seen.map(([event]) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(seen[2]?.[1]['error']).toBe(error);
    expect(JSON.stringify(seen)).not.toContain('secret');
  });

  it('carry what a subscriber binds to a call into what follows it', async () => {
    const manager = await connect();
    const storage = new AsyncLocalStorage<string>();
    const { start } = tracingChannel('redis-utils:command');
    start.bindStore(storage, () => 'the span');
    afterThisTest(() => void start.unbindStore(storage));
    let inside: string | undefined;
    tracingChannel('redis-utils:command').asyncEnd.subscribe(function once() {
      inside = storage.getStore();
      tracingChannel('redis-utils:command').asyncEnd.unsubscribe(once);
    });
    await manager.command(['PING']);
    expect(inside).toBe('the span');
    expect(storage.getStore()).toBeUndefined();
  });

  it('tell of waits for a lease, and of what is sent on it', async () => {
    const manager = await connect();
    const [pool, commands] = [observe('pool'), observe('command')];
    await using lease = await manager.lease();
    await lease.command(['PING']);
    const facts = { endpoint: manager.endpoint, size: 0, idle: 0, waiting: 0, max: 10 };
    expect(pool).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'].map((event) => [event, facts]));
    expect(commands[0]).toEqual(['start', { command: 'PING', args: 0, keys: 0, leased: true }]);
  });

  it('tell of messages on their way out and in', async () => {
    const manager = await connect();
    const pubsub = new PubSubManager(manager);
    const subscription = await pubsub.subscribe<string>('news');
    const seen = observe('pubsub');
    await pubsub.publish('news', 'secret');
    for await (const { data } of subscription) if (data === 'secret') break;
    const [published, delivered] = [seen[0]?.[1], seen.find(([, { kind }]) => kind === 'deliver')?.[1]];
    expect(published).toEqual({ kind: 'publish', channel: expect.stringContaining('news'), bytes: expect.any(Number) });
    expect(delivered).toMatchObject({ channel: published?.['channel'], bytes: published?.['bytes'] });
    expect(JSON.stringify(seen)).not.toContain('secret');
    await pubsub.close();
  });
});

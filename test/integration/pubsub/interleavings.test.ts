import * as fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import type { MessageSink, SinkHandle } from '../../../src/client/subscriptions/subscriber.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, onEachNode, raw, target, uniquePrefix } from '../../support/target.js';
import { subscribersOf } from './subscribers.js';

noLeaks();

/** What one step does to one of a few names. */
type Step =
  | { readonly do: 'subscribe'; readonly name: number; readonly abort: boolean }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'wait' }
  | { readonly do: 'kill' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('subscribe' as const), name: fc.nat(3), abort: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
);

class CountingSink implements MessageSink {
  messages = 0;
  balance = 0;
  onMessage(): void {
    this.messages += 1;
  }
  onLost(): void {
    this.balance += 1;
  }
  onRestored(): void {
    this.balance -= 1;
  }
  onFailed(): void {}
}

interface Held {
  readonly name: string;
  readonly sink: CountingSink;
  /** Undefined when the subscription was refused or aborted. */
  readonly handle: Promise<SinkHandle | undefined>;
}

/** Cuts the subscriber of this manager, and no other that the servers have. */
async function killSubscriber({ config }: RedisManager): Promise<void> {
  const name = ` name=${String(config.settings().clientName)} `;
  await onEachNode(async (ask) => {
    const lines = String(await ask(['CLIENT', 'LIST', 'TYPE', 'pubsub'])).split('\n');
    for (const line of lines.filter((each) => each.includes(name))) {
      await ask(['CLIENT', 'KILL', 'ID', String(/^id=(\d+)/.exec(line)?.[1])]);
    }
  });
}

async function run(manager: RedisManager, steps: readonly Step[]): Promise<void> {
  const base = randomUUID();
  const held: Held[] = [];
  const released: Promise<unknown>[] = [];
  for (const action of steps) {
    if (action.do === 'subscribe') {
      const sink = new CountingSink();
      const name = `${base}:${action.name}`;
      const aborter = new AbortController();
      const joined = manager.subscriber.subscribe({ kind: 'channel', name }, sink, aborter.signal);
      held.push({ name, sink, handle: joined.catch(() => undefined) });
      if (action.abort) aborter.abort();
    } else if (action.do === 'release') {
      const [taken] = held.splice(action.pick % Math.max(1, held.length), 1);
      if (taken !== undefined) released.push(taken.handle.then((handle) => handle?.release()));
    } else if (action.do === 'wait') {
      await Promise.all(held.map(({ handle }) => handle));
    } else {
      await killSubscriber(manager);
    }
  }
  await Promise.all(released);
  const living: Held[] = [];
  for (const one of held) if ((await one.handle) !== undefined) living.push(one);
  const names = [0, 1, 2, 3].map((index) => `${base}:${index}`);
  // a loss may be noticed only now: agreement is what it ends in
  await eventually(async () => {
    const expected = names.map((name) => (living.some((one) => one.name === name) ? 1 : 0));
    expect(await subscribersOf(...names)).toEqual(expected);
    expect(living.map(({ sink }) => sink.balance)).toEqual(living.map(() => 0));
  });
  const before = living.map(({ sink }) => sink.messages);
  for (const name of names) await raw(['PUBLISH', name, 'x']);
  await eventually(() =>
    expect(living.map(({ sink }, index) => sink.messages - (before[index] ?? 0))).toEqual(living.map(() => 1)),
  );
  await Promise.all(living.map(async ({ handle }) => (await handle)?.release()));
  expect(await subscribersOf(...names)).toEqual([0, 0, 0, 0]);
  expect(manager.subscriber.stats()).toMatchObject({ channels: 0, sinks: 0 });
}

describe.skipIf(target.embedded)('the shared subscriber against the counts of the server', () => {
  it('agrees with the server after any interleaving of subscribing, aborting, releasing and lost connections', async () => {
    const manager = await connect({ clientName: uniquePrefix() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) => run(manager, steps)),
      { numRuns: 25 },
    );
  });

  it('a thousand subscribes and releases in one tick leave nothing', async () => {
    const manager = await connect();
    const name = randomUUID();
    const sinks = Array.from({ length: 1000 }, () => new CountingSink());
    const done = sinks.map(async (sink) => {
      const handle = await manager.subscriber.subscribe({ kind: 'channel', name }, sink);
      await handle.release();
    });
    await Promise.all(done);
    expect(await subscribersOf(name)).toEqual([0]);
  });
});

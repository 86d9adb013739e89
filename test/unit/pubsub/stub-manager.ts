import type { CodecOptions } from '../../../src/codec/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { Subscriber } from '../../../src/client/subscriptions/subscriber.js';
import { systemRandom } from '../../../src/core/random.js';
import { ManualClock } from '../../support/manual-clock.js';
import { FakeServer } from '../client/fake-pubsub-server.js';

/** What `PubSubManager` needs of a manager, on a fake server. */
export class StubManager {
  readonly server = new FakeServer();
  readonly clock = new ManualClock();
  readonly random = systemRandom;
  readonly endpoint = 'fake';
  readonly reported: unknown[] = [];
  readonly published: { readonly channel: string; readonly payload: Buffer }[] = [];
  readonly hooks = new Set<() => void | Promise<void>>();
  readonly config: { codec: CodecOptions | undefined };
  readonly subscriber: Subscriber;

  constructor(codec?: CodecOptions) {
    this.config = { codec };
    this.subscriber = new Subscriber({
      open: this.server.open,
      clock: this.clock,
      random: this.random,
      reportError: (_source, error) => void this.reported.push(error),
    });
  }

  command(args: readonly unknown[]): Promise<number> {
    const [, channel, payload] = args as [string, string, Uint8Array];
    this.published.push({ channel, payload: Buffer.from(payload) });
    return Promise.resolve(this.deliver(channel, payload));
  }

  /** Hands a payload to whoever is subscribed; gives their number. */
  deliver(channel: string, payload: Uint8Array | string): number {
    const connection = this.server.connection;
    const bytes = Buffer.from(payload as Uint8Array);
    let receivers = 0;
    if (connection?.names.channel.has(channel) === true) {
      connection.onMessage({ kind: 'channel', name: channel, channel, payload: bytes });
      receivers += 1;
    }
    for (const name of connection?.names.pattern ?? []) {
      if (!channel.startsWith(name.replace(/\*$/, '').replaceAll('\\', ''))) continue;
      connection?.onMessage({ kind: 'pattern', name, channel, payload: bytes });
      receivers += 1;
    }
    return receivers;
  }

  reportError(_source: string, error: unknown): void {
    this.reported.push(error);
  }

  requireAtMostOnce(): void {}

  onClose(hook: () => void | Promise<void>): () => void {
    this.hooks.add(hook);
    return () => void this.hooks.delete(hook);
  }

  get asManager(): RedisManager {
    return this as unknown as RedisManager;
  }
}

import type { RedisManager } from '../../../../src/client/manager.js';
import type { MessageSink } from '../../../../src/client/subscriptions/subscriber.js';
import { ConnectionError } from '../../../../src/core/errors.js';
import { ManualClock } from '../../../support/manual-clock.js';

/** A channel on a server that can fail in every way, and the surface of a manager that uses it. */
export class FakeChannel {
  readonly clock = new ManualClock();
  readonly published: string[] = [];
  readonly reported: unknown[] = [];
  /** How often somebody asked for another connection. */
  replaced = 0;
  /** What is published, and is no sign of life. */
  get news(): readonly string[] {
    return this.published.filter((text) => text.includes('"keys":'));
  }
  /** Publishing fails with it. */
  refusal: Error | undefined;
  /** Subscribing fails with it. */
  subscribeRefusal: Error | undefined;
  /** What is published reaches nobody. */
  isDeaf = false;
  /** The server takes what is published, and does nothing until it thaws. */
  isFrozen = false;
  /** For how long it takes a message to come back. */
  delayMs = 0;
  readonly sinks = new Set<MessageSink>();
  /** What runs when the manager begins to close. */
  readonly closeHooks = new Set<() => void>();
  readonly manager: RedisManager;
  readonly #frozen: (() => void)[] = [];

  constructor() {
    let ids = 0;
    const stub = {
      clock: this.clock,
      random: { uniform: () => 0.5, bytes: (size: number) => Buffer.alloc(size, (ids += 1)) },
      reportError: (_source: string, error: unknown) => void this.reported.push(error),
      command: async ([, , payload]: string[]) => {
        const published = this.#publish(String(payload));
        if (this.isFrozen) await new Promise<void>((resolve) => this.#frozen.push(resolve));
        return published;
      },
      onClose: (hook: () => void) => {
        this.closeHooks.add(hook);
        return () => void this.closeHooks.delete(hook);
      },
      subscriber: {
        subscribe: async (_target: unknown, sink: MessageSink) => {
          if (this.subscribeRefusal !== undefined) throw this.subscribeRefusal;
          this.sinks.add(sink);
          return { release: async () => void this.sinks.delete(sink) };
        },
        replace: (cause: Error) => {
          this.replaced += 1;
          this.lose(cause);
        },
      },
    };
    this.manager = stub as unknown as RedisManager;
  }

  /** A message of anybody. */
  deliver(text: string): void {
    const message = { kind: 'channel', name: 'c', channel: 'c', payload: Buffer.from(text) } as const;
    for (const sink of this.sinks) sink.onMessage(message);
  }

  lose(cause: Error = lost()): void {
    for (const sink of this.sinks) sink.onLost(cause, 0);
  }

  restore(): void {
    for (const sink of this.sinks) sink.onRestored();
  }

  thaw(): void {
    this.isFrozen = false;
    for (const go of this.#frozen.splice(0)) go();
  }

  /** Lets time pass, and what follows from it happen. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 25) {
      this.clock.advance(Math.min(left, 25));
      await settle();
    }
  }

  #publish(text: string): number {
    if (this.refusal !== undefined) throw this.refusal;
    this.published.push(text);
    if (this.isDeaf) return 1;
    if (this.isFrozen) this.#frozen.push(() => this.deliver(text));
    else if (this.delayMs === 0) this.deliver(text);
    else this.clock.timer(this.delayMs, () => this.deliver(text));
    return 1;
  }
}

export function lost(): ConnectionError {
  return new ConnectionError('lost', { endpoint: '', reason: 'lost', outcome: 'unknown' });
}

export async function settle(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

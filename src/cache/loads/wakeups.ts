import type { RedisManager } from '../../client/manager.js';
import type { MessageSink, SinkHandle } from '../../client/subscriptions/subscriber.js';
import { ignore } from '../../core/abort.js';

type Waker = () => void;

/**
 * Waits for the end of leases that other processes hold: whoever ends one that is awaited publishes its key. There is a
 * subscription only while somebody waits; it may be slow to come, or fail, so nobody waits for it alone.
 */
export class Wakeups implements MessageSink {
  readonly #manager: RedisManager;
  readonly #channel: string;
  readonly #waiting = new Map<string, Set<Waker>>();
  /** What is forbidden once is forbidden each time. */
  #hasTold = false;
  #subscription: Promise<SinkHandle | undefined> | undefined;

  constructor(manager: RedisManager, channel: string) {
    this.#manager = manager;
    this.#channel = channel;
  }

  /** Resolves when the key is told, or after `atMostMs`; rejects with the signal's reason when it aborts. */
  wait(key: string, atMostMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const end = (settle: () => void): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        this.#remove(key, wake);
        settle();
      };
      const wake = (): void => end(resolve);
      const onAbort = (): void => end(() => reject(signal.reason as Error));
      const timer = this.#manager.clock.timer(atMostMs, wake);
      signal.addEventListener('abort', onAbort);
      this.#add(key, wake);
    });
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    for (const wake of [...(this.#waiting.get(payload.toString()) ?? [])]) wake();
  }

  /** Whatever was missed is found by looking. */
  onLost(): void {}

  onRestored(): void {}

  onFailed(): void {
    this.#subscription = undefined;
  }

  #add(key: string, wake: Waker): void {
    let wakers = this.#waiting.get(key);
    if (wakers === undefined) this.#waiting.set(key, (wakers = new Set()));
    wakers.add(wake);
    this.#subscription ??= this.#subscribe();
  }

  #remove(key: string, wake: Waker): void {
    const wakers = this.#waiting.get(key);
    wakers?.delete(wake);
    if (wakers?.size === 0) this.#waiting.delete(key);
    if (this.#waiting.size === 0) this.#leave();
  }

  async #subscribe(): Promise<SinkHandle | undefined> {
    try {
      return await this.#manager.subscriber.subscribe({ kind: 'channel', name: this.#channel }, this);
    } catch (error) {
      if (!this.#hasTold) this.#manager.reportError('cache', error);
      this.#hasTold = true;
      return undefined;
    }
  }

  #leave(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    subscription?.then((handle) => handle?.release()).catch(ignore);
  }
}

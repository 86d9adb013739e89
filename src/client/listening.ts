import type { Runtime } from '../core/runtime.js';
import type { Driver } from './driver.js';
import { Subscriber } from './subscriptions/subscriber.js';
import { InvalidationFeeds } from './tracking/invalidation-feeds.js';

export interface ListeningOptions extends Runtime {
  readonly ackTimeoutMs: number;
  readonly reportError: (source: string, error: unknown) => void;
}

/** What a manager listens to on connections of their own: messages, and news of changed keys. */
export class Listening {
  readonly subscriber: Subscriber;
  readonly invalidations: InvalidationFeeds;

  constructor(driver: Driver, options: ListeningOptions) {
    this.subscriber = new Subscriber({ ...options, open: (signal) => driver.open(signal) });
    this.invalidations = new InvalidationFeeds(driver, options);
  }

  close(): void {
    this.invalidations.close();
    this.subscriber.close();
  }
}

import type { Subscriber } from '../client/subscriptions/subscriber.js';
import type { Clock } from '../core/clock.js';
import type { KeySpace } from '../core/key-space.js';
import type { Random } from '../core/random.js';

/** What a process needs of where its locks are: of one manager, or of a quorum of them. */
export interface LockHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly endpoint: string;
  /** Undefined where nobody is told anything. */
  readonly subscriber: Subscriber | undefined;
  keySpace(module: string, prefix?: string): KeySpace;
  /** The place for failures in the background that nobody awaits. */
  reportError(source: string, error: unknown): void;
  /** Runs when it begins to close, while commands are still taken. */
  onClose(hook: () => void | Promise<void>): void;
}

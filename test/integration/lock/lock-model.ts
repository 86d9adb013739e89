import type { Operation } from '../../../src/lock/calls/run-script.js';

/** One call to the script, by a process that has one channel. */
export interface Ask {
  readonly operation: Operation;
  readonly token: string;
  readonly waits: boolean;
  readonly metadata: string;
  readonly channel: string;
}

/** What the script is to answer: a fence, a place in the queue, nothing of both, or a standing. */
export type Expected = 'granted' | 'granted before' | 'refused' | number | 'held' | 'expired' | 'stolen';

interface Waiter {
  readonly token: string;
  readonly channel: string;
  readonly metadata: string;
  /** Whether the time is over for which it wanted to wait. */
  isOver: boolean;
}

/** Whoever listens, and what is told to whom: `g <token>`, `l <before>`, `f <token> <reason>`. */
export interface Messages {
  /** Undefined: it is not known whether a message is heard, so that nobody is passed over. */
  readonly isHeard: ((channel: string) => boolean) | undefined;
  tell(channel: string, message: string): void;
}

/** One lock and its queue as docs/wire.md describes them, without times: the test says when a lease is over. */
export class LockModel {
  owner = '';
  isLive = false;
  /** The owner has what it was handed, and has not been heard of. */
  isClaim = false;
  channel = '';
  metadata = '';
  /** By ticket, from the first on; those who have left are undefined. The queue itself is, where there is none. */
  queue: (Waiter | undefined)[] | undefined;
  readonly #messages: Messages;

  constructor(messages: Messages) {
    this.#messages = messages;
  }

  answer(ask: Ask): Expected {
    const { operation, token } = ask;
    if (operation === 'acquire' || operation === 'barge') return this.#acquire(ask);
    if (operation === 'release') return this.#release(token);
    if (operation === 'force') return this.#force(ask);
    const standing = this.#standing(token);
    if (operation === 'extend' && standing === 'held') this.isClaim = false;
    return standing;
  }

  delete(): void {
    Object.assign(this, { owner: '', isLive: false, isClaim: false, metadata: '', queue: undefined });
  }

  expire(): void {
    if (this.owner !== '') this.isLive = this.isClaim = false;
  }

  #acquire(ask: Ask): Expected {
    const { operation, token, waits } = ask;
    if (this.isLive && this.owner === token) return 'granted before';
    if (this.isLive) return waits ? this.#wait(ask) : 'refused';
    if (this.queue !== undefined && operation !== 'barge' && this.owner !== token) {
      const place = waits ? this.#wait(ask) : 'refused';
      this.#handOver();
      if (this.isLive) return this.owner === token ? 'granted' : place;
    }
    this.#leave(token);
    this.#own(ask);
    this.isClaim = false;
    return 'granted';
  }

  /** Who waits already asks because it believes that the lease is over: all are told when it really is. */
  #wait({ token, channel, metadata }: Ask): number {
    this.queue ??= [];
    const place = this.queue.findIndex((waiter) => waiter?.token === token);
    if (place === -1) return this.queue.push({ token, channel, metadata, isOver: false }) - 1;
    const channels = new Set(this.queue.flatMap((waiter) => waiter?.channel ?? []));
    if (this.isLive) for (const [before, each] of [...channels].entries()) this.#messages.tell(each, `l ${before}`);
    return place;
  }

  #release(token: string): Expected {
    if (this.owner === token) {
      this.#handOver();
      return 'held';
    }
    this.#leave(token);
    return this.owner === '' ? 'expired' : 'stolen';
  }

  #force({ metadata: reason }: Ask): Expected {
    const { owner, channel } = this;
    if (!this.isLive) return 'expired';
    this.#handOver();
    this.#messages.tell(channel, `f ${owner} ${reason}`);
    return 'held';
  }

  #handOver(): void {
    const { isHeard } = this.#messages;
    Object.assign(this, { owner: '', isLive: false, isClaim: false });
    while (this.queue !== undefined) {
      const next = this.queue.shift();
      const canBeTold = next !== undefined && !next.isOver && isHeard?.(next.channel) !== false;
      if (canBeTold) {
        this.#own(next);
        this.#messages.tell(next.channel, `g ${next.token}`);
        const others = this.queue.flatMap((waiter) => waiter?.channel ?? []);
        const other = others.find((each) => each !== next.channel && isHeard?.(each) !== false);
        if (other !== undefined) this.#messages.tell(other, 'l 0');
      }
      if (this.queue.length === 0) this.queue = undefined;
      if (canBeTold) return;
    }
  }

  #own({ token, channel, metadata }: Pick<Ask, 'token' | 'channel' | 'metadata'>): void {
    Object.assign(this, { owner: token, isLive: true, isClaim: true, channel, metadata });
  }

  #leave(token: string): void {
    this.queue = this.queue?.map((waiter) => (waiter?.token === token ? undefined : waiter));
  }

  #standing(token: string): Expected {
    if (this.owner !== token) return this.owner === '' ? 'expired' : 'stolen';
    return this.isLive ? 'held' : 'expired';
  }
}

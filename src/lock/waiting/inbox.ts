import type { MessageSink } from '../../client/subscriptions/subscriber.js';
import { ServerError } from '../../core/errors.js';
import type { LockHost } from '../lock-host.js';
import { Line, type Standing } from './line.js';

/** A lock that was handed to a token. Times are the server's. */
export interface PushedGrant {
  readonly fence: bigint;
  readonly leaseEndMs: number;
  /** When it was handed over. */
  readonly nowMs: number;
}

/** Whoever waits for a lock. */
export interface Waiter extends Standing {
  /** The Redis key of the lock. */
  readonly hash: string;
  onGrant(grant: PushedGrant): void;
}

/** Whoever holds a lock. */
export interface Holder {
  /** Somebody took it away. */
  onTaken(reason: string): void;
}

const ID_BYTES = 8;
const MOST_EARLY = 1_024;

/**
 * The channel on which one process is told about its locks, whichever they are: what it was handed, for how much longer
 * others hold what it waits for, and what was taken from it. It is subscribed to from the first acquisition on.
 *
 * A message may be lost: nobody waits for one alone. Who is not told in time looks for himself.
 */
export class Inbox implements MessageSink {
  readonly channel: string;
  readonly #host: LockHost;
  readonly #holderOf: (token: string) => Holder | undefined;
  readonly #waiters = new Map<string, Waiter>();
  readonly #lines = new Map<string, Line>();
  /** Grants whose message has overtaken the answer that says that there is something to wait for. */
  readonly #early = new Map<string, PushedGrant>();
  #interruptions = 0;
  #isOpen = false;
  /** Who has subscribed is subscribed again by itself after a loss. */
  #isSubscribed = false;
  #isOpening = false;
  /** What is forbidden once is forbidden each time. */
  #isForbidden = false;
  #hasTold = false;

  constructor(host: LockHost, holderOf: (token: string) => Holder | undefined) {
    this.#host = host;
    this.#holderOf = holderOf;
    const id = host.random.bytes(ID_BYTES).toString('base64url');
    this.channel = `${host.keySpace('lock').root}inbox:${id}`;
  }

  /** Whether messages arrive, as far as is known. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether there is a point in trying to open it. */
  get mayOpen(): boolean {
    return !this.#isSubscribed && !this.#isForbidden;
  }

  /** Begins to listen; who waits is woken as soon as messages arrive. Never rejects. */
  async open(): Promise<void> {
    const { subscriber } = this.#host;
    if (subscriber === undefined) this.#isForbidden = true;
    if (subscriber === undefined || this.#isOpening) return;
    this.#isOpening = true;
    try {
      await subscriber.subscribe({ kind: 'channel', name: this.channel }, this);
      this.#isSubscribed = true;
      this.onRestored();
    } catch (error) {
      this.#isForbidden = error instanceof ServerError;
      if (!this.#hasTold) this.#host.reportError('lock.inbox', error);
      this.#hasTold = true;
    } finally {
      this.#isOpening = false;
    }
  }

  /** How often messages may have been lost, or were not listened to, so far. */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** @param heardBefore what `interruptions` was before the waiter asked for its lock */
  add(token: string, waiter: Waiter, heardBefore: number): void {
    this.#waiters.set(token, waiter);
    if (heardBefore !== this.#interruptions) waiter.look();
    const early = this.#early.get(token);
    if (early === undefined) return;
    this.#early.delete(token);
    waiter.onGrant(early);
  }

  remove(token: string): void {
    const waiter = this.#waiters.get(token);
    if (waiter === undefined) return;
    this.#waiters.delete(token);
    const line = this.#lines.get(waiter.hash);
    line?.remove(waiter);
    if (line?.isEmpty === true) this.#lines.delete(waiter.hash);
  }

  /** The waiter stands in the queue of its lock, which others hold for so long. */
  onQueued(waiter: Waiter, leaseMs: number, rank: number): void {
    let line = this.#lines.get(waiter.hash);
    if (line === undefined) this.#lines.set(waiter.hash, (line = new Line(this.#host)));
    line.add(waiter);
    line.onLease(leaseMs, rank);
  }

  /** Everybody looks for himself now. */
  wakeAll(): void {
    for (const waiter of this.#waiters.values()) waiter.look();
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    const text = payload.toString();
    const [kind, first = '', second = '', third = '', fourth = ''] = text.split(' ', 5);
    if (kind === 'g') {
      const grant = { fence: BigInt(second), leaseEndMs: Number(third), nowMs: Number(fourth) };
      const waiter = this.#waiters.get(first);
      if (waiter === undefined) this.#keepEarly(first, grant);
      else waiter.onGrant(grant);
    } else if (kind === 'l') {
      // the key comes last, because it may contain spaces
      const hash = text.slice(`l ${first} ${second} ${third} `.length);
      this.#lines.get(hash)?.onLease(Number(first) - Number(second), Number(third));
    } else if (kind === 'f') {
      this.#holderOf(first)?.onTaken(text.slice(`f ${first} `.length));
    }
  }

  /** Also those come here that nobody waits for any more: the oldest go. */
  #keepEarly(token: string, grant: PushedGrant): void {
    this.#early.set(token, grant);
    if (this.#early.size <= MOST_EARLY) return;
    const [oldest] = this.#early.keys();
    if (oldest !== undefined) this.#early.delete(oldest);
  }

  onLost(): void {
    this.#isOpen = false;
  }

  onRestored(): void {
    this.#isOpen = true;
    this.#interruptions += 1;
    this.wakeAll();
  }

  onFailed(): void {
    this.#isOpen = false;
    this.#isSubscribed = false;
  }
}

import { globMatches } from './glob.js';

export type Kind = 'channel' | 'pattern';

/** A connection, as the engine reaches it: `name` is the channel or pattern subscribed to. All strings hold bytes. */
export interface Subscriber {
  deliver(message: { kind: Kind; name: string; channel: string; payload: string }): void;
  /** Keys that it tracks have changed; null for all keys. Absent where nobody listens. */
  invalidate?(keys: readonly string[] | null): void;
  /** Ends the connection, as a server or a network does. Absent where there is none. */
  destroy?(): void;
}

/** Channels and patterns with their subscribers. */
export class PubSub {
  readonly #channels = new Map<string, Set<Subscriber>>();
  readonly #patterns = new Map<string, Set<Subscriber>>();

  subscribe(kind: Kind, name: string, subscriber: Subscriber): void {
    const names = this.#names(kind);
    const subscribers = names.get(name);
    if (subscribers === undefined) names.set(name, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  unsubscribe(kind: Kind, name: string, subscriber: Subscriber): void {
    const names = this.#names(kind);
    const subscribers = names.get(name);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) names.delete(name);
  }

  unsubscribeAll(subscriber: Subscriber): void {
    for (const kind of ['channel', 'pattern'] as const) {
      for (const name of this.#names(kind).keys()) this.unsubscribe(kind, name, subscriber);
    }
  }

  /** Gives the number of deliveries. Patterns come after the channel, as on a server. */
  publish(channel: string, payload: string): number {
    let count = 0;
    for (const subscriber of this.#channels.get(channel) ?? []) {
      subscriber.deliver({ kind: 'channel', name: channel, channel, payload });
      count += 1;
    }
    for (const [name, subscribers] of this.#patterns) {
      if (!globMatches(name, channel)) continue;
      for (const subscriber of subscribers) subscriber.deliver({ kind: 'pattern', name, channel, payload });
      count += subscribers.size;
    }
    return count;
  }

  channels(pattern: string | undefined): string[] {
    const names = [...this.#channels.keys()];
    return pattern === undefined ? names : names.filter((name) => globMatches(pattern, name));
  }

  subscriberCount(channel: string): number {
    return this.#channels.get(channel)?.size ?? 0;
  }

  get patternCount(): number {
    return this.#patterns.size;
  }

  #names(kind: Kind): Map<string, Set<Subscriber>> {
    return kind === 'channel' ? this.#channels : this.#patterns;
  }
}

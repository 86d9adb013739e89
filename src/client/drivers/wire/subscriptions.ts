import type { IncomingMessage, Reply, ReplySink } from '../../driver.js';

const ACKNOWLEDGEMENTS = new Set(['subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe']);

export function isAcknowledgement(kind: string): boolean {
  return ACKNOWLEDGEMENTS.has(kind);
}

/** Waits for the push that confirms one subscription, or its end; refused, it gets an error reply like any command. */
export class Acknowledgement implements ReplySink {
  readonly operation: string;
  readonly mode = 'text';
  readonly blocks = false;
  readonly abandoned = false;
  sent = false;
  readonly #verb: string;
  readonly #name: string;
  readonly #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void };

  constructor(verb: string, name: string, settle: { resolve: () => void; reject: (error: Error) => void }) {
    this.operation = verb.toUpperCase();
    this.#verb = verb;
    this.#name = name;
    this.#settle = settle;
  }

  isFor(kind: string, name: Reply | undefined): boolean {
    return kind === this.#verb && nameIn(name) === this.#name;
  }

  resolve(): void {
    this.#settle.resolve();
  }

  reject(error: Error): void {
    this.#settle.reject(error);
  }
}

/** A push as a message, or undefined when it is something else. */
export function toMessage(kind: string, parts: readonly Reply[]): IncomingMessage | undefined {
  if (kind === 'message') {
    const channel = nameIn(parts[1]);
    return { kind: 'channel', name: channel, channel, payload: parts[2] as Buffer };
  }
  if (kind !== 'pmessage') return undefined;
  return { kind: 'pattern', name: nameIn(parts[1]), channel: nameIn(parts[2]), payload: parts[3] as Buffer };
}

/** The push that tells of changed keys. */
export const INVALIDATION = 'invalidate';

/** The keys in it; undefined stands for all keys. */
export function keysIn(part: Reply | undefined): readonly string[] | undefined {
  return Array.isArray(part) ? part.map(nameIn) : undefined;
}

/** A name in a push, whose strings are bytes. */
export function nameIn(part: Reply | undefined): string {
  return Buffer.isBuffer(part) ? part.toString() : '';
}

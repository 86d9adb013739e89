import type { ReplySink } from '../../driver.js';
import { callError } from './call-error.js';
import { toReply } from './reply.js';

/** The commands that a client has been given and has not answered. Each is settled once, by it or by `rejectAll`. */
export class Handover {
  readonly #endpoint: string;
  readonly #answered: () => void;
  readonly #sinks = new Set<ReplySink>();

  /** @param answered called whenever the client has answered a command, after whoever waits for it has been told */
  constructor(endpoint: string, answered: () => void) {
    this.#endpoint = endpoint;
    this.#answered = answered;
  }

  get size(): number {
    return this.#sinks.size;
  }

  /** Gives the client a command, by calling `call`. From then on it may run. */
  give(sink: ReplySink, call: () => Promise<unknown>): void {
    sink.sent = true;
    this.#sinks.add(sink);
    try {
      call().then(
        (raw) => this.#resolve(sink, raw),
        (error) => this.#reject(sink, error),
      );
    } catch (error) {
      this.#reject(sink, error);
    }
  }

  rejectAll(error: () => Error): void {
    const sinks = [...this.#sinks];
    this.#sinks.clear();
    for (const sink of sinks) sink.reject(error());
  }

  #resolve(sink: ReplySink, raw: unknown): void {
    // what comes after `rejectAll` comes too late
    if (!this.#sinks.delete(sink)) return;
    sink.resolve(typeof raw === 'object' && raw !== null ? toReply(raw, sink.operation) : (raw as string | number));
    this.#answered();
  }

  #reject(sink: ReplySink, error: unknown): void {
    if (!this.#sinks.delete(sink)) return;
    sink.reject(callError(error, { operation: sink.operation, endpoint: this.#endpoint }));
    this.#answered();
  }
}

import type { ReplySink } from '../../driver.js';
import { callError } from './call-error.js';
import { toReply } from './reply.js';

/** The commands that a client has been given and has not answered. Each is settled once, by it or by `rejectAll`. */
export class Handover {
  readonly #endpoint: string;
  readonly #sinks = new Set<ReplySink>();

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  get size(): number {
    return this.#sinks.size;
  }

  /** Gives the client a command. From then on it may run. @param settled called after the client has answered */
  give(sink: ReplySink, call: () => Promise<unknown>, settled?: () => void): void {
    sink.sent = true;
    this.#sinks.add(sink);
    const end = (settle: () => void): void => {
      // what comes after `rejectAll` comes too late
      if (!this.#sinks.delete(sink)) return;
      settle();
      settled?.();
    };
    const fail = (error: unknown): void =>
      end(() => sink.reject(callError(error, { operation: sink.operation, endpoint: this.#endpoint })));
    try {
      call().then((raw) => end(() => sink.resolve(toReply(raw, sink.operation))), fail);
    } catch (error) {
      fail(error);
    }
  }

  rejectAll(error: () => Error): void {
    const sinks = [...this.#sinks];
    this.#sinks.clear();
    for (const sink of sinks) sink.reject(error());
  }
}

/** What `on` returns: removes the listener. Calling it twice does no harm. */
export type Unsubscribe = () => void;

/**
 * A typed set of listeners per event. A listener that throws harms neither the emitter nor the other listeners: its
 * error becomes a process warning. There is no fatal `error` event.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  on<E extends keyof Events>(event: E, listener: (payload: Events[E]) => void): Unsubscribe {
    let set = this.#listeners.get(event);
    if (set === undefined) this.#listeners.set(event, (set = new Set()));
    set.add(listener);
    return () => void set.delete(listener);
  }

  emit<E extends keyof Events>(event: E, payload: Events[E]): void {
    const set = this.#listeners.get(event);
    if (set === undefined) return;
    for (const listener of [...set]) {
      try {
        (listener as (payload: Events[E]) => void)(payload);
      } catch (error) {
        warnOfListener(String(event), error);
      }
    }
  }
}

/** Reports an error of a user's callback that nobody awaits. */
export function warnOfListener(event: string, error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`A listener of '${event}' threw: ${message}`, 'RedisUtilsWarning');
}

import { createHook } from 'node:async_hooks';

interface MadeTimer {
  readonly timer: NodeJS.Timeout;
  /** Such as `at start (file:///app/service.js:12:5)`. */
  readonly place: string;
}

/**
 * The timers that were made since, and are still due. Node counts timers but does not tell one from another, so that a
 * timer of the test runner which ends meanwhile would hide one that is left behind.
 */
export class TimerWatch {
  readonly #made = new Map<number, MadeTimer>();
  readonly #hook = createHook({
    init: (...[id, type, , resource]: [id: number, type: string, trigger: number, resource: object]) => {
      if (type === 'Timeout') this.#made.set(id, { timer: resource as NodeJS.Timeout, place: placeOf(new Error()) });
    },
    destroy: (id) => void this.#made.delete(id),
  }).enable();

  /** Where those that hold this process were made. */
  get places(): string[] {
    return [...this.#made.values()].filter(({ timer }) => timer.hasRef()).map(({ place }) => place);
  }

  stop(): void {
    this.#hook.disable();
    this.#made.clear();
  }
}

/** The first line of a stack that is neither Node's nor this file's. */
function placeOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').slice(1);
  const own = frames[0]?.replace(/:\d+:\d+\)?$/, '').replace(/^.*[( ]/, '') ?? '';
  const frame = frames.find((line) => !line.includes('node:') && !line.includes(own));
  return frame?.trim() ?? 'by Node itself';
}

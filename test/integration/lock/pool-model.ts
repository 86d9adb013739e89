import type { Standing } from '../../../src/lock/calls/authority.js';

/** What somebody wants, in the words of the script: `<weight>/<permits>`, `read` or `write`. */
export type Shape = string;

interface Holder {
  readonly shape: Shape;
  isLive: boolean;
}

interface Waiter {
  readonly token: string;
  readonly shape: Shape;
  isOver: boolean;
}

export interface Wish {
  readonly token: string;
  readonly shape: Shape;
  readonly waits: boolean;
  readonly barges: boolean;
}

/** `claimed`: held, but for a second only until the holder is heard of. */
export type Outcome = 'held already' | 'granted' | 'claimed' | 'queued' | 'refused';

export const weightOf = (shape: Shape): number => Number(/^\d+/.exec(shape)?.[0] ?? 1);
const kindOf = (shape: Shape): string => (shape.includes('/') ? 'permits' : shape);

/** A semaphore or a phase-fair read-write lock, as the rules say. */
export class PoolModel {
  readonly holders = new Map<string, Holder>();
  queue: Waiter[] = [];
  /** Nobody who waits hears anything. */
  isDeaf = false;
  #last = '';

  acquire({ token, shape, waits, barges }: Wish): Outcome {
    const own = this.holders.get(token);
    if (own?.isLive === true) return 'held already';
    this.#sweep();
    const mayPass = this.queue.length === 0 || barges || own !== undefined;
    if (mayPass && this.#fits(shape)) {
      this.#hold(token, shape);
      if (this.#leave(token)) this.#serve();
      return 'granted';
    }
    const waitsAlready = this.queue.some((waiter) => waiter.token === token);
    if (waits && !waitsAlready) this.queue.push({ token, shape, isOver: false });
    this.#serve();
    if (waits && waitsAlready && this.isDeaf && !this.holders.has(token)) this.queue = [];
    if (this.holders.has(token)) return 'claimed';
    if (this.queue.length === 0 && this.#fits(shape)) {
      this.#hold(token, shape);
      return 'granted';
    }
    return waits ? 'queued' : 'refused';
  }

  release(token: string): Standing {
    const standing = this.holders.delete(token) ? 'held' : this.#absent();
    const isWaitedFor = this.queue.length > 0;
    this.#leave(token);
    if (isWaitedFor) {
      this.#sweep();
      this.#serve();
    }
    return standing;
  }

  verify(token: string): Standing {
    const own = this.holders.get(token);
    if (own === undefined) return this.#absent();
    return own.isLive ? 'held' : 'expired';
  }

  force(): Standing {
    this.#sweep();
    if (this.holders.size === 0) return 'expired';
    this.holders.clear();
    this.#serve();
    return 'held';
  }

  forget(): void {
    this.holders.clear();
    this.queue = [];
    this.#last = '';
  }

  get used(): number {
    return [...this.holders.values()].reduce((sum, { shape }) => sum + weightOf(shape), 0);
  }

  #absent(): Standing {
    this.#sweep();
    return this.#last === 'write' && this.holders.size > 0 ? 'stolen' : 'expired';
  }

  #fits(shape: Shape): boolean {
    const [, permits] = shape.split('/');
    if (permits !== undefined) return this.used + weightOf(shape) <= Number(permits);
    return this.holders.size === 0 || (shape === 'read' && this.#last === 'read');
  }

  #hold(token: string, shape: Shape): void {
    this.holders.set(token, { shape, isLive: true });
    this.#last = kindOf(shape);
  }

  #sweep(): void {
    for (const [token, { isLive }] of this.holders) if (!isLive) this.holders.delete(token);
  }

  #leave(token: string): boolean {
    const before = this.queue.length;
    this.queue = this.queue.filter((waiter) => waiter.token !== token);
    return this.queue.length < before;
  }

  /** First all readers, where a writer was last; then whoever is first, for as long as they fit. */
  #serve(): void {
    if (this.#last === 'write' && this.holders.size === 0) {
      for (const waiter of this.queue.filter(({ isOver, shape }) => !isOver && shape === 'read')) this.#offer(waiter);
      this.queue = this.queue.filter(({ isOver }) => !isOver);
    }
    for (const waiter of [...this.queue]) {
      if (waiter.isOver) this.#leave(waiter.token);
      else if (this.#fits(waiter.shape)) this.#offer(waiter);
      else break;
    }
  }

  #offer({ token, shape }: Waiter): void {
    this.#leave(token);
    this.#hold(token, shape);
    if (this.isDeaf) this.holders.delete(token);
  }
}

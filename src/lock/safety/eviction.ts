import type { RedisManager } from '../../client/manager.js';
import { ConfigError, ServerError } from '../../core/errors.js';

/** What to do about a server that may evict locks when its memory is full. */
export type EvictionPolicy = 'warn' | 'refuse' | 'allow';

/**
 * Whether the server may throw locks away: it does when its memory is full, unless its policy is `noeviction`. Asked once
 * per connection.
 */
export class EvictionCheck {
  static readonly #checks = new WeakMap<RedisManager, EvictionCheck>();

  readonly #manager: RedisManager;
  #looked: Promise<ConfigError | undefined> | undefined;
  #hasWarned = false;

  private constructor(manager: RedisManager) {
    this.#manager = manager;
    manager.on('state', ({ to }) => {
      if (to === 'ready') this.#looked = undefined;
    });
  }

  static of(manager: RedisManager): EvictionCheck {
    let check = EvictionCheck.#checks.get(manager);
    if (check === undefined) EvictionCheck.#checks.set(manager, (check = new EvictionCheck(manager)));
    return check;
  }

  /** Tells the manager's listeners, once; nobody waits for it. */
  warn(): void {
    if (this.#looked !== undefined) return;
    void this.#look().then((problem) => {
      if (problem === undefined || this.#hasWarned) return;
      this.#hasWarned = true;
      this.#manager.reportError('lock.eviction', problem);
    });
  }

  /** @throws ConfigError */
  async refuse(): Promise<void> {
    const problem = await this.#look();
    if (problem !== undefined) throw problem;
  }

  #look(): Promise<ConfigError | undefined> {
    this.#looked ??= this.#ask();
    return this.#looked;
  }

  /** A server that does not say what it does with its memory, or is not ours to ask, is believed to be in order. */
  async #ask(): Promise<ConfigError | undefined> {
    let memory: string;
    try {
      memory = String(await this.#manager.command(['INFO', 'memory']));
    } catch (error) {
      if (!(error instanceof ServerError)) this.#looked = undefined;
      return undefined;
    }
    const limit = /^maxmemory:(\d+)/m.exec(memory)?.[1] ?? '0';
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction';
    if (limit === '0' || policy === 'noeviction') return undefined;
    const expected = "noeviction, because others throw locks away when the memory is full (see the option 'eviction')";
    return new ConfigError([{ option: 'maxmemory-policy', expected, received: policy }]);
  }
}

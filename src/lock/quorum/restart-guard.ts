import type { RedisManager } from '../../client/manager.js';
import { LockServerRestartedError } from '../errors.js';

/**
 * The time after a start of a server in which its votes do not count: it may have given votes before that it does not
 * remember, and until the longest lease is over it must not give them again ("delayed restart" in the Redis
 * documentation of distributed locks; here the clients see to it, and not whoever starts the server).
 *
 * The uptime is asked for once per connection, since a server that starts anew ends all connections. A server that
 * writes everything to disk before it answers (`appendonly yes` with `appendfsync always`) forgets nothing.
 */
export class RestartGuard {
  readonly #manager: RedisManager;
  readonly #maxLeaseMs: number;
  #verdict: Verdict | undefined;
  #asking: Promise<Verdict> | undefined;

  constructor(manager: RedisManager, maxLeaseMs: number) {
    this.#manager = manager;
    this.#maxLeaseMs = maxLeaseMs;
  }

  /**
   * What a server answers that has been running for long enough. Cost: what `ask` costs; once per connection 1 to 3
   * round trips before that.
   * @throws LockServerRestartedError, ServerError, ConnectionError, TimeoutError; whatever `ask` throws
   */
  async trusted<T>(timeoutMs: number, ask: () => Promise<T>): Promise<T> {
    const known = this.#verdict?.connectedMs === this.#connectedMs() ? this.#verdict : undefined;
    const { connectedMs, trustedAtMs } = known ?? (await this.#look(timeoutMs));
    const leftMs = trustedAtMs - this.#manager.clock.monotonicMs();
    if (leftMs > 0) throw this.#restarted(leftMs);
    const answer = await ask();
    // another connection may lead to another life of the server
    if (this.#connectedMs() !== connectedMs) throw this.#restarted(0);
    return answer;
  }

  #connectedMs(): number | undefined {
    return this.#manager.nodes()[0]?.connectedSince?.getTime();
  }

  #look(timeoutMs: number): Promise<Verdict> {
    this.#asking ??= this.#ask(timeoutMs).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(timeout: number): Promise<Verdict> {
    const server = String(await this.#manager.command(['INFO', 'server'], { timeout }));
    const connectedMs = this.#connectedMs();
    const uptimeMs = Number(/^uptime_in_seconds:(\d+)/m.exec(server)?.[1] ?? 0) * 1_000 - UPTIME_ERROR_MS;
    const youngMs = Math.max(0, this.#maxLeaseMs - uptimeMs);
    const leftMs = youngMs > 0 && (await this.#forgets(timeout)) ? youngMs : 0;
    const verdict = { connectedMs, trustedAtMs: this.#manager.clock.monotonicMs() + leftMs };
    this.#verdict = verdict;
    return verdict;
  }

  /** Where it may not be asked, it is believed to forget. */
  async #forgets(timeout: number): Promise<boolean> {
    try {
      const [persistence, policy] = await Promise.all([
        this.#manager.command(['INFO', 'persistence'], { timeout }),
        this.#manager.command(['CONFIG', 'GET', 'appendfsync'], { timeout }),
      ]);
      const isLogged = /^aof_enabled:1/m.test(String(persistence));
      return !isLogged || !Object.values(policy as Record<string, string>).includes('always');
    } catch {
      return true;
    }
  }

  #restarted(leftMs: number): LockServerRestartedError {
    return new LockServerRestartedError({ endpoint: this.#manager.endpoint, remainingMs: Math.ceil(leftMs) });
  }
}

/** Since when the connection exists that was asked on, and from when on votes on it count. */
interface Verdict {
  readonly connectedMs: number | undefined;
  readonly trustedAtMs: number;
}

/** Whole seconds are subtracted from whole seconds. */
const UPTIME_ERROR_MS = 1_000;

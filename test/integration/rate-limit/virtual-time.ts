import type { RedisManager } from '../../../src/client/manager.js';
import { take, type TakeReply } from '../../../src/rate-limit/scripts.js';
import { afterThisTest } from '../../support/cleanup.js';
import { connect } from '../../support/target.js';

const TIME = "call('TIME')";
const SET = "call('SET', key, state, 'PX', ttl)";

/**
 * The script of the library with two lines replaced: the time comes from a list in Redis, and the expiry it would set
 * is noted in a hash while the key itself stays. So a program of steps can set the clock to the microsecond, on every
 * target, and see the same state at two moments. All its keys are of one slot.
 */
export class VirtualLimiter {
  readonly manager: RedisManager;
  readonly #script: ReturnType<RedisManager['script']>;
  readonly #used = new Set<string>();

  private constructor(manager: RedisManager) {
    this.manager = manager;
    const [time, ttl] = [this.#key('virtual-time'), this.#key('virtual-ttl')];
    const lua = take.lua
      .replace(TIME, `call('LRANGE', '${time}', 0, 1)`)
      .replace(SET, `call('SET', key, state) call('HSET', '${ttl}', key, ttl)`);
    if (lua.includes(TIME) || lua.includes("'PX'")) throw new Error('The script has changed: adapt what is replaced');
    this.#script = manager.script({ ...take, lua }) as ReturnType<RedisManager['script']>;
  }

  static async connect(): Promise<VirtualLimiter> {
    const limiter = new VirtualLimiter(await connect());
    afterThisTest(async () => void (await limiter.manager.command(['DEL', ...limiter.#used])));
    return limiter;
  }

  /** Runs the script at a moment. */
  async take(nowUs: number, keys: readonly string[], args: readonly number[]): Promise<TakeReply> {
    const seconds = Math.floor(nowUs / 1e6);
    const clock = [
      ['DEL', this.#key('virtual-time')],
      ['RPUSH', this.#key('virtual-time'), seconds, nowUs - seconds * 1e6],
    ];
    await this.manager.pipeline(clock);
    const tagged = keys.map((key) => this.#key(key));
    return (await this.#script.run(tagged, args)) as TakeReply;
  }

  get(key: string): Promise<string | null> {
    return this.manager.command<string | null>(['GET', this.#key(key)]);
  }

  async put(key: string, state: string | null): Promise<void> {
    await this.manager.command(state === null ? ['DEL', this.#key(key)] : ['SET', this.#key(key), state]);
  }

  /** The expiry, in milliseconds, with which the key was written last. */
  async ttlMs(key: string): Promise<number> {
    return Number(await this.manager.command(['HGET', this.#key('virtual-ttl'), this.#key(key)]));
  }

  #key(name: string): string {
    const key = `{${this.manager.config.prefix}}${name}`;
    this.#used.add(key);
    return key;
  }
}

import type { RedisManager } from '../client/manager.js';
import type { Script } from '../client/script.js';
import { ServerError } from '../core/errors.js';
import { CounterError } from './errors.js';
import { INCREMENT, type IncrementArgs, type IncrementReply } from './counter-script.js';

/** The counter script, bound to a manager. */
export class Counters {
  readonly #increment: Script<IncrementArgs, IncrementReply>;

  constructor(manager: RedisManager) {
    this.#increment = manager.script(INCREMENT);
  }

  /** @throws CounterError, which names the counter as its caller does (`id`) */
  async increment(key: string, id: string, args: IncrementArgs): Promise<number> {
    let reply: IncrementReply;
    try {
      reply = await this.#increment.run([key], args);
    } catch (error) {
      if (!(error instanceof ServerError) || error.replyCode !== 'WRONGTYPE') throw error;
      throw new CounterError(id, 'not-a-counter', { cause: error });
    }
    if ('problem' in reply) throw new CounterError(id, reply.problem);
    return reply.value;
  }
}

import type { Clock, Timer } from '../../core/clock.js';
import type { Connection, WireCommand } from '../driver.js';
import { request } from '../request.js';

/** A server that takes longer for a word that it can give at once is not one to lend a connection to. */
const ANSWER_WITHIN_MS = 1_000;

/** One connection of a pool, through all its loans. */
export class PooledConnection {
  readonly connection: Connection;
  /** It is not lent from then on. */
  readonly retireMs: number;
  /** When it was last given back or opened. */
  idleSinceMs: number;

  constructor(connection: Connection, times: { readonly nowMs: number; readonly retireMs: number }) {
    this.connection = connection;
    this.retireMs = times.retireMs;
    this.idleSinceMs = times.nowMs;
  }

  /** True when the server carries out all of it, soon. */
  async answers(commands: readonly WireCommand[], clock: Clock): Promise<boolean> {
    let timer: Timer | undefined;
    const tooLong = new Promise<false>((resolve) => (timer = clock.timer(ANSWER_WITHIN_MS, () => resolve(false))));
    try {
      const answers = Promise.all(commands.map((command) => request(this.connection, command)));
      return (await Promise.race([answers, tooLong])) !== false;
    } catch {
      return false;
    } finally {
      timer?.cancel();
    }
  }
}

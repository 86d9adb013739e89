import type { RedisManager } from '../../client/manager.js';
import { firstSeen } from './first-seen-script.js';

/** For how much longer than the quarantine a primary is remembered. */
const REMEMBERED_MS = 86_400_000;

/**
 * The time after a server has become a primary, or has come back without its data, in which no lock is granted on it: it
 * may not know of locks that the one before had granted, until their leases have ended.
 *
 * A primary is told from another by its replication id, which is new after a promotion and after a restart without
 * data. When one was first seen is remembered on itself, so that all processes agree; the very first of all is in
 * quarantine, too. Asked again with each connection.
 *
 * Not covered: clients without this option, and a primary that goes on although it was replaced, until its connections
 * are cut (`min-replicas-to-write` of the server).
 */
export class PrimaryQuarantine {
  readonly #manager: RedisManager;
  readonly #root: string;
  readonly #lengthMs: number;
  #connectedMs: number | undefined;
  #overAtMs: Promise<number> | undefined;

  constructor(manager: RedisManager, root: string, lengthMs: number) {
    this.#manager = manager;
    this.#root = root;
    this.#lengthMs = lengthMs;
  }

  /** For how much longer it lasts; 0: it is over. Cost: 2 round trips for each connection, then none. */
  async leftMs(): Promise<number> {
    const connectedMs = this.#manager.nodes()[0]?.connectedSince?.getTime();
    if (this.#overAtMs === undefined || connectedMs !== this.#connectedMs) {
      this.#connectedMs = connectedMs;
      this.#overAtMs = this.#ask();
    }
    const asked = this.#overAtMs;
    try {
      return Math.max(0, (await asked) - this.#manager.clock.monotonicMs());
    } catch (error) {
      if (this.#overAtMs === asked) this.#overAtMs = undefined;
      throw error;
    }
  }

  async #ask(): Promise<number> {
    const { clock } = this.#manager;
    const replication = String(await this.#manager.command(['INFO', 'replication']));
    const id = /^master_replid:(\S+)/m.exec(replication)?.[1] ?? 'unknown';
    const key = `${this.#root}primary:${id}`;
    const seenMs = await this.#manager.script(firstSeen).run([key], [this.#lengthMs + REMEMBERED_MS]);
    return clock.monotonicMs() + this.#lengthMs - seenMs;
  }
}

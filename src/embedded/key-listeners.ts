import { Blocking } from './blocking.js';
import type { Keyspace } from './keyspace.js';
import { Tracking } from './tracking.js';
import { WatchedKeys } from './watches.js';

/** All who want to hear of changed keys. */
export class KeyListeners {
  readonly blocking = new Blocking();
  readonly tracking = new Tracking();
  readonly watches = new WatchedKeys();

  keyChanged(database: Keyspace, key: string): void {
    this.#touched(database, key);
    this.tracking.keyChanged(key, this.tracking.actor);
  }

  keyExpired(database: Keyspace, key: string): void {
    this.#touched(database, key);
    this.tracking.keyChanged(key, undefined);
  }

  flushed(database: Keyspace, keys: readonly string[]): void {
    for (const key of keys) this.#touched(database, key);
    this.tracking.flushed();
  }

  #touched(database: Keyspace, key: string): void {
    this.watches.keyChanged(database, key);
    this.blocking.keyChanged(database, key);
  }
}

import type { RedisManager } from '../client/manager.js';
import type { KeySpace } from '../core/key-space.js';
import { Counters } from './counters.js';
import { EntryStore } from './entries/entry-store.js';
import { Epochs } from './epochs/epochs.js';
import { Flights } from './loads/flights.js';
import { Leases } from './loads/leases.js';
import { Wakeups } from './loads/wakeups.js';
import { Reader } from './reads/reader.js';

/** What all namespaces of one cache share: their reads travel together, and their loads know of each other's writes. */
export interface Common {
  readonly manager: RedisManager;
  readonly prefix: string | undefined;
  readonly reader: Reader;
  readonly flights: Flights;
  readonly counters: Counters;
  readonly epochs: Epochs;
  readonly store: EntryStore;
  readonly leases: Leases;
  readonly wakeups: Wakeups;
}

/** @param space the keys of the cache itself, outside every namespace */
export function openCommon(manager: RedisManager, prefix: string | undefined, space: KeySpace): Common {
  const channel = `${space.root}woken`;
  const epochs = new Epochs(manager);
  const store = new EntryStore(manager, channel);
  return {
    manager,
    prefix,
    epochs,
    store,
    reader: new Reader(manager, epochs, store),
    flights: new Flights(),
    counters: new Counters(manager),
    leases: new Leases(manager, channel),
    wakeups: new Wakeups(manager, channel),
  };
}

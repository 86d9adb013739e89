import type { RedisManager } from '../client/manager.js';
import type { KeySpace } from '../core/key-space.js';
import type { Events } from './events.js';
import { Counters } from './counters.js';
import { EntryStore } from './entries/entry-store.js';
import { Epochs } from './epochs/epochs.js';
import { Journal } from './journal/journal.js';
import { Flights } from './loads/flights.js';
import { Leases } from './loads/leases.js';
import { Wakeups } from './loads/wakeups.js';
import type { Near } from './near/near.js';
import type { NearPlan } from './near/near-options.js';
import { openNear } from './near/open-near.js';
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
  /** Invalidations that could not be sent. */
  readonly journal: Journal;
  /** Undefined where nothing is kept near. */
  readonly near: Near | undefined;
}

export interface CommonPlan {
  readonly prefix: string | undefined;
  /** The keys of the cache itself, outside every namespace. */
  readonly space: KeySpace;
  readonly near: NearPlan | undefined;
  /** Of the whole cache. */
  readonly events: Events;
}

export function openCommon(manager: RedisManager, { prefix, space, near, events }: CommonPlan): Common {
  const channel = `${space.root}woken`;
  const epochs = new Epochs(manager);
  const store = new EntryStore(manager, channel);
  const { clock, random } = manager;
  const journal = new Journal({
    clock,
    random,
    isDown: () => manager.state === 'down',
    clear: (epochKey) => epochs.change(epochKey, 'drop'),
    report: (error) => manager.reportError('cache', error),
    beforeClose: (last) => manager.onClose(last),
  });
  return {
    manager,
    prefix,
    epochs,
    store,
    journal,
    reader: new Reader(manager, { epochs, store, journal }),
    flights: new Flights(),
    counters: new Counters(manager),
    leases: new Leases(manager, channel),
    wakeups: new Wakeups(manager, channel),
    near: near === undefined ? undefined : openNear(manager, space, { plan: near, events }),
  };
}

import type { KeySpace } from '../../core/key-space.js';
import type { EntryFormat } from '../entries/entry.js';
import type { Stamped } from '../epochs/stamp.js';
import type { Failures } from '../failures.js';
import type { NearView } from '../near/near.js';
import type { Tally } from '../stats.js';

/** On whose behalf a key is read. */
export interface Reading extends Stamped {
  readonly space: KeySpace;
  readonly format: EntryFormat;
  readonly failures: Failures;
  readonly tally: Tally;
  /** Undefined where everything is read from Redis. */
  readonly near: NearView | undefined;
}

/** What a read is for: a fresh value; whether there is one; or a load, which also takes what is stale. */
export type ReadAim = 'value' | 'presence' | 'load';

/** The epoch at a key: null where there is none, undefined where it is not known. */
export type EpochOf = (key: string) => Buffer | null | undefined;

/** One key to read, and what came of it. */
export class Read {
  readonly operation: string;
  /** As the caller named it. */
  readonly id: string;
  /** As Redis knows it. */
  readonly key: string;
  readonly by: Reading;
  aim: ReadAim = 'value';
  /** Tags that the entry is likely to have. */
  tags: readonly string[] = NO_TAGS;
  /** What had been claimed in this process when it was made; see `Flights`. Only where it is to load. */
  order = 0;
  /** `unknown` until answered, and when the store failed; `unusable`: there is something, but no value for us. */
  found: 'fresh' | 'stale' | 'absent' | 'unusable' | 'unknown' = 'unknown';
  /** Where in the reply of its batch the answer is. */
  place = 0;
  /** What is at the key, unless it is to give a value. It may share memory with the replies that arrived with it. */
  bytes: Buffer | undefined = undefined;
  /** Only where it is to load: not behind the server's time when it was read. */
  readMs = 0;
  /** What it found was kept near: `bytes` are not known. */
  isNear = false;
  /** What had been told to the copies kept near when it was sent. */
  since = 0;
  /** Only where it is to load, and has found a value: for how long that is fresh (`Infinity`: not said), and what its load took. */
  leftMs = Number.POSITIVE_INFINITY;
  loadMs = 0;
  /** The epochs that were read along with it or after it. Only where it is to load. */
  epochOf: EpochOf | undefined = undefined;

  /** @throws ConfigError for an empty or ill-formed id */
  constructor(operation: string, id: string, by: Reading) {
    this.operation = operation;
    this.id = id;
    this.key = by.space.key(id);
    this.by = by;
  }
}

/** What a read for a load is about. */
export type LoadTarget = Pick<Read, 'operation' | 'id' | 'tags'>;

export function readToLoad(by: Reading, { operation, id, tags }: LoadTarget, order: number): Read {
  const read = new Read(operation, id, by);
  read.aim = 'load';
  read.tags = tags;
  read.order = order;
  return read;
}

const NO_TAGS: readonly string[] = [];

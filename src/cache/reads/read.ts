import type { KeySpace } from '../../core/key-space.js';
import type { EntryFormat } from '../entries/entry.js';
import { freshUntilOf, HEADER_BYTES, isSliding, loadMsOf } from '../entries/entry-header.js';
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
  /** `unknown` until answered, and when the store failed; `unusable`: there is something, but no value for us. */
  found: 'fresh' | 'stale' | 'absent' | 'unusable' | 'unknown' = 'unknown';
  /** Where in the reply of its batch the answer is. */
  place = 0;
  /** What had been told to the copies kept near when it was sent. */
  since = 0;
  /** One object is given to all who ask for the value. */
  isShared = false;
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

/** A read for a load, which wants to know more than the value. */
export class LoadRead extends Read {
  /** What had been claimed in this process when it was made; see `Flights`. */
  readonly order: number;
  /** What is at the key. It may share memory with the replies that arrived with it. Not known of what was kept near. */
  bytes: Buffer | undefined = undefined;
  /** Not behind the server's time when it was read. */
  readMs = 0;
  isNear = false;
  /** For how long what it found is fresh (`Infinity`: not said), and what its load took. */
  leftMs = Number.POSITIVE_INFINITY;
  loadMs = 0;
  /** The epochs that were read along with it or after it. */
  epochOf: EpochOf | undefined = undefined;

  constructor(by: Reading, { operation, id, tags }: LoadTarget, order: number) {
    super(operation, id, by);
    this.aim = 'load';
    this.tags = tags;
    this.order = order;
  }

  noteEpochs(epochOf: EpochOf, nowMs: number): void {
    this.epochOf = epochOf;
    this.readMs = nowMs;
  }

  noteEntry(bytes: Buffer, nowMs: number): void {
    this.bytes = bytes;
    if (!this.by.format.isEntry(bytes) || bytes.length < HEADER_BYTES || isSliding(bytes)) return;
    const freshUntilMs = freshUntilOf(bytes);
    if (freshUntilMs !== 0) this.leftMs = freshUntilMs - nowMs;
    this.loadMs = loadMsOf(bytes);
  }

  noteCopy(loadMs: number, leftMs: number): void {
    this.isNear = true;
    this.loadMs = loadMs;
    this.leftMs = leftMs;
  }
}

/** What `instanceof` would say, in a fraction of its time. */
export function isToLoad(read: Read): read is LoadRead {
  return read.aim === 'load';
}

const NO_TAGS: readonly string[] = [];

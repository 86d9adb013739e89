import { Coalescer, type PendingCall } from '../../client/coalescer.js';
import type { RedisManager } from '../../client/manager.js';
import { BadReplyError, ServerError } from '../../core/errors.js';
import type { KeySpace } from '../../core/key-space.js';
import { DistinctKeys } from './distinct-keys.js';
import type { EntryFormat } from '../entries/entry.js';
import type { Failures } from '../failures.js';
import type { Tally } from '../stats.js';

/** On whose behalf a key is read. */
export interface Reading {
  readonly space: KeySpace;
  readonly format: EntryFormat;
  readonly failures: Failures;
  readonly tally: Tally;
}

/** One key to read, and what came of it. */
export class Read {
  readonly operation: string;
  /** As the caller named it. */
  readonly id: string;
  /** As Redis knows it. */
  readonly key: string;
  readonly by: Reading;
  /**
   * For a load, which also takes what is stale and wants to know the bytes: what had been claimed in this process when
   * it was made; see `Flights`. Negative for any other read.
   */
  order = -1;
  /** `unknown` until answered, and when the store failed; `unusable`: there is something, but no value for us. */
  found: 'fresh' | 'stale' | 'absent' | 'unusable' | 'unknown' = 'unknown';
  /** Where in the reply of its batch the answer is. */
  place = 0;
  /** Only where it is to load: what is at the key. It may share memory with the replies that arrived with it. */
  bytes: Buffer | undefined = undefined;
  /** Only where it is to load: not behind the server's time when it was read. */
  readMs = 0;

  /** @throws ConfigError for an empty or ill-formed id */
  constructor(operation: string, id: string, by: Reading) {
    this.operation = operation;
    this.id = id;
    this.key = by.space.key(id);
    this.by = by;
  }
}

/** A read for a load. */
export function readToLoad(by: Reading, about: Pick<Read, 'operation' | 'id'>, order: number): Read {
  const read = new Read(about.operation, about.id, by);
  read.order = order;
  return read;
}

type Waiting = PendingCall<Read, unknown>;

const BYTES = { reply: 'bytes' } as const;
const MAX_KEYS = 128;
/** UTF-16 units of all keys of one command: keeps it within a few socket writes, whatever keys are used. */
const MAX_KEY_UNITS = 64 * 1024;

/** Refusals that are about the server and not about a key: asking for each key again would only add to its troubles. */
const SERVER_WIDE: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN', 'NOAUTH']);

/**
 * Reads entries. All reads of one tick, from all namespaces of a cache, travel as one `MGET` (a lone one as `GET`); in a
 * cluster as one for each slot, all in one write per node.
 * Callers that ask for the same key share the reply's bytes and decode each their own value.
 *
 * A key that holds no string is a miss, as `MGET` has it. A batch that the server refuses is asked again key by key,
 * so that one forbidden key fails alone.
 */
export class Reader {
  readonly #manager: RedisManager;
  readonly #batches: Coalescer<Read, unknown>;
  readonly #distinct = new DistinctKeys();

  constructor(manager: RedisManager) {
    this.#manager = manager;
    const { slotOf } = manager;
    this.#batches = new Coalescer<Read, unknown>({
      maxCalls: MAX_KEYS,
      maxWeight: MAX_KEY_UNITS,
      weigh: (read) => read.key.length,
      groupOf: slotOf === undefined ? undefined : (read) => slotOf(read.key),
      send: (batch) => this.#send(batch),
    });
  }

  /** The value, or undefined; rejects as the reader's `failures` say. */
  read(read: Read): Promise<unknown> {
    return this.#batches.add(read);
  }

  /** To be called before a write of this key is sent: reads that were made earlier see what was there earlier. */
  beforeWrite(key: string): void {
    this.#batches.flushIf(this.#manager.slotOf?.(key) ?? 0, (read) => read.key === key);
  }

  #send(batch: readonly Waiting[]): void {
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) void this.#readAlone(first);
    else void this.#readTogether(batch);
  }

  async #readAlone(waiting: Waiting): Promise<void> {
    const asked = this.#askTime();
    try {
      const reply = await this.#manager.command(['GET', waiting.call.key], BYTES);
      if (asked !== undefined) await asked;
      deliver(waiting, reply, this.#manager.serverTime.latestMs());
    } catch (error) {
      if (error instanceof ServerError && error.replyCode === 'WRONGTYPE') miss(waiting, 'unusable');
      else fail(waiting, error);
    }
  }

  async #readTogether(batch: readonly Waiting[]): Promise<void> {
    const command = ['MGET'];
    this.#distinct.clear();
    for (let index = 0; index < batch.length; index += 1) {
      const { call } = batch[index] as Waiting;
      call.place = this.#distinct.place(call.key, command) - 1;
    }
    const asked = this.#askTime();
    let reply: unknown;
    try {
      reply = await this.#manager.command(command, BYTES);
      if (asked !== undefined) await asked;
    } catch (error) {
      return this.#refused(batch, error);
    }
    const answers =
      Array.isArray(reply) && reply.length === command.length - 1 ? (reply as readonly unknown[]) : undefined;
    const nowMs = this.#manager.serverTime.latestMs();
    for (let index = 0; index < batch.length; index += 1) {
      const waiting = batch[index] as Waiting;
      if (answers === undefined) fail(waiting, new BadReplyError('MGET', 'one value per key', reply));
      else deliver(waiting, answers[waiting.call.place], nowMs);
    }
  }

  /** Now and then the server's time travels along. Without it nothing counts as fresh that says until when it is. */
  #askTime(): Promise<unknown> | undefined {
    const { serverTime } = this.#manager;
    return serverTime.shouldAsk()
      ? serverTime.ask().catch((error: unknown) => this.#manager.reportError('cache', error))
      : undefined;
  }

  #refused(batch: readonly Waiting[], error: unknown): void {
    const perKey = error instanceof ServerError && !SERVER_WIDE.has(error.replyCode);
    for (const waiting of batch) {
      if (perKey) void this.#readAlone(waiting);
      else fail(waiting, error);
    }
  }
}

/** Settles a read with what Redis holds. Never throws. */
function deliver(waiting: Waiting, bytes: unknown, nowMs: number): void {
  if (bytes === null) return miss(waiting, 'absent');
  const { call } = waiting;
  let value: unknown;
  try {
    if (!Buffer.isBuffer(bytes)) throw new BadReplyError('GET', 'bytes', bytes);
    const { format } = call.by;
    if (call.order >= 0) {
      call.bytes = bytes;
      call.readMs = nowMs;
    }
    const standing = format.standing(call.key, bytes, nowMs);
    if (standing === 'none' || (standing === 'stale' && call.order < 0)) return miss(waiting, 'unusable');
    value = format.value(call.key, bytes);
    call.found = standing;
  } catch (error) {
    fail(waiting, error);
    // what cannot be decoded may be written over, unlike what could not be read
    call.found = 'unusable';
    return;
  }
  call.by.tally.hits += 1;
  waiting.resolve(value);
}

function miss({ call, resolve }: Waiting, found: 'absent' | 'unusable'): void {
  call.found = found;
  call.by.tally.misses += 1;
  resolve(undefined);
}

function fail({ call, resolve, reject }: Waiting, error: unknown): void {
  call.by.tally.misses += 1;
  try {
    call.by.failures.meet(call.operation, call.id, error);
    resolve(undefined);
  } catch (thrown) {
    reject(thrown);
  }
}

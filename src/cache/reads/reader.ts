import { Buffer } from 'node:buffer';

import { Coalescer } from '../../client/coalescer.js';
import type { RedisManager } from '../../client/manager.js';
import { DecodeError } from '../../codec/index.js';
import { BadReplyError, ServerError } from '../../core/errors.js';
import type { EntryStore } from '../entries/entry-store.js';
import { isSliding } from '../entries/entry-header.js';
import { type Tag, tagsOf } from '../entries/tag-section.js';
import type { Epochs } from '../epochs/epochs.js';
import { isEpoch } from '../epochs/epoch-value.js';
import type { Copy } from '../near/copy.js';
import type { Near } from '../near/near.js';
import type { Journal } from '../journal/journal.js';
import { conclude, fail, keepNear, type Kept, miss, unreadable, valueNear, type Waiting } from './delivery.js';
import { DistinctKeys } from './distinct-keys.js';
import { type EpochOf, isToLoad, type Read, type Reading } from './read.js';
import { Sliding } from './sliding.js';
import { hasTags, isAlive, underEpoch, underTags, type Verdict } from './verdict.js';

const BYTES = { reply: 'bytes' } as const;
/** Of one batch; epochs come on top. */
const MAX_READS = 128;
/** UTF-16 units of all keys of one command: keeps it within a few socket writes, whatever keys are used. */
const MAX_KEY_UNITS = 64 * 1024;

/** Refusals that are about the server and not about a key: asking for each key again would only add to its troubles. */
const SERVER_WIDE: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN', 'NOAUTH']);

/**
 * Reads entries. All reads of one tick, from all namespaces of a cache, travel as one `MGET`, together with the epochs of
 * these namespaces and of the tags that the reads name. In a cluster there is one for each slot, all in one write per
 * node, and the epochs are asked for beside them. Epochs of tags that no read has named take a second `MGET`.
 * Callers that ask for the same key share the reply's bytes and decode each their own value.
 *
 * A key that holds no string is a miss, as `MGET` has it. A batch that the server refuses is asked again key by key,
 * so that one forbidden key fails alone.
 */
export class Reader {
  readonly #manager: RedisManager;
  readonly #epochs: Epochs;
  readonly #batches: Coalescer<Read, unknown>;
  readonly #sliding: Sliding;
  readonly #journal: Journal;
  readonly #distinct = new DistinctKeys();

  constructor(manager: RedisManager, { epochs, store, journal }: ReaderPorts) {
    this.#sliding = new Sliding(store);
    this.#journal = journal;
    this.#manager = manager;
    this.#epochs = epochs;
    const { slotOf } = manager;
    this.#batches = new Coalescer<Read, unknown>({
      maxCalls: MAX_READS,
      maxWeight: MAX_KEY_UNITS,
      weigh: (read) => read.key.length,
      groupOf: slotOf === undefined ? undefined : (read) => slotOf(read.key),
      send: (batch) => void (slotOf === undefined ? this.#readTogether(batch) : this.#readBeside(batch)),
    });
  }

  /** The value, or undefined; rejects as the reader's `failures` say. */
  read(read: Read): Promise<unknown> {
    const { near: view } = read.by;
    if (view === undefined) return this.#batches.add(read);
    const copy = view.find(read.id);
    if (copy !== undefined) return foundNear(read, view.near, copy);
    read.since = view.near.beforeRead();
    return this.#batches.add(read);
  }

  /** To be called before a write of this key is sent: reads that were made earlier see what was there earlier. */
  beforeWrite(key: string): void {
    this.#batches.flushIf(this.#manager.slotOf?.(key) ?? 0, (read) => read.key === key);
  }

  /** The epochs are in the same `MGET`. */
  async #readTogether(batch: readonly Waiting[]): Promise<void> {
    const unsent = this.#journal.sendFirst();
    if (unsent !== undefined) return failAll(batch, unsent);
    const command = ['MGET'];
    this.#distinct.clear();
    for (let index = 0; index < batch.length; index += 1) {
      const { call } = batch[index] as Waiting;
      call.place = this.#distinct.place(call.key, command) - 1;
    }
    const places = new Map<string, number>();
    forEpochKeys(batch, (key) => {
      if (!places.has(key)) places.set(key, command.push(key) - 2);
    });
    const asked = this.#askTime();
    let reply: unknown;
    try {
      reply = await this.#manager.command(command, BYTES);
      if (asked !== undefined) await asked;
    } catch (error) {
      return this.#refused(batch, error);
    }
    if (!Array.isArray(reply) || reply.length !== command.length - 1) return failAll(batch, wrongReply(reply));
    const answers = reply as readonly unknown[];
    const epochOf = (key: string): Buffer | null | undefined => {
      const at = places.get(key);
      return at === undefined ? undefined : epochIn(answers[at]);
    };
    for (const key of places.keys()) this.#epochs.observe(key, epochOf(key) ?? null);
    this.#deliverAll(batch, answers, epochOf);
  }

  /** The epochs are in other slots, or not to be refused together with the keys. */
  async #readBeside(batch: readonly Waiting[]): Promise<void> {
    const unsent = this.#journal.sendFirst();
    if (unsent !== undefined) return failAll(batch, unsent);
    const isAlone = batch.length === 1;
    const keys: string[] = [];
    this.#distinct.clear();
    for (const { call } of batch) call.place = this.#distinct.place(call.key, keys);
    const asked = this.#askTime();
    const epochs = new Map<string, Promise<Buffer | null>>();
    forEpochKeys(batch, (key) => void epochs.set(key, this.#epochs.read(key)));
    const present = new Map<string, Buffer | null>();
    try {
      const [reply] = await Promise.all([
        this.#manager.command([isAlone ? 'GET' : 'MGET', ...keys], BYTES),
        ...Array.from(epochs, async ([key, reading]) => void present.set(key, await reading)),
      ]);
      if (asked !== undefined) await asked;
      const answers: unknown = isAlone ? [reply] : reply;
      if (!Array.isArray(answers) || answers.length !== keys.length) return failAll(batch, wrongReply(reply));
      this.#deliverAll(batch, answers, (key) => present.get(key));
    } catch (error) {
      const [only] = batch;
      if (!isAlone || only === undefined) this.#refused(batch, error);
      else if (error instanceof ServerError && error.replyCode === 'WRONGTYPE') miss(only, 'unusable', 'unreadable');
      else fail(only, error);
    }
  }

  #deliverAll(batch: readonly Waiting[], answers: readonly unknown[], epochOf: EpochOf): void {
    const nowMs = this.#manager.serverTime.latestMs();
    let by: Reading | undefined;
    const under: Surroundings = { epoch: null, epochOf, nowMs };
    for (let index = 0; index < batch.length; index += 1) {
      const waiting = batch[index] as Waiting;
      if (waiting.call.by !== by) {
        by = waiting.call.by;
        under.epoch = epochOf(by.epochKey) ?? null;
      }
      this.#deliver(waiting, answers[waiting.call.place], under);
    }
  }

  /** Settles a read with what Redis holds, at once unless tags have to be looked up. Never throws. */
  #deliver(waiting: Waiting, bytes: unknown, { epoch, epochOf, nowMs }: Surroundings): void {
    const { call } = waiting;
    const { format } = call.by;
    if (isToLoad(call)) call.noteEpochs(epochOf, nowMs);
    if (bytes === null) return miss(waiting, 'absent', 'absent');
    if (!Buffer.isBuffer(bytes)) return unreadable(waiting, new BadReplyError('GET', 'bytes', bytes));
    if (isToLoad(call)) call.noteEntry(bytes, nowMs);
    let verdict: Verdict;
    try {
      verdict = format.standing(call.key, bytes, nowMs);
    } catch (error) {
      return unreadable(waiting, error);
    }
    if (format.isEntry(bytes)) {
      verdict = underEpoch(bytes, verdict, epoch);
      if (isAlive(verdict) && hasTags(bytes)) return void this.#lookUpTags(waiting, { bytes, verdict, epochOf, nowMs });
    }
    const value = conclude(waiting, bytes, verdict);
    if (verdict === 'fresh' && (call.by.near !== undefined || isSliding(bytes))) {
      this.#found(call, { bytes, value, nowMs, epochKeys: [call.by.epochKey] });
    }
  }

  /** A value was given: its lifetime is prolonged, or it may be kept near. */
  #found(call: Read, kept: Kept): void {
    if (call.found !== 'fresh' || call.aim === 'presence') return;
    if (isSliding(kept.bytes)) this.#sliding.found(call, kept.bytes, kept.nowMs);
    else keepNear(call, kept);
  }

  async #lookUpTags(waiting: Waiting, { bytes, verdict, epochOf, nowMs }: Tagged): Promise<void> {
    const { call } = waiting;
    const { by } = call;
    try {
      const tags = tagsOf(call.key, bytes);
      const present = new Map<string, Buffer | null>();
      const missing = tags.filter(({ name }) => !note(present, by.tagKey(name), epochOf));
      if (missing.length > 0) await this.#readEpochs(by, missing, present);
      if (isToLoad(call)) call.noteEpochs((key) => present.get(key) ?? epochOf(key), nowMs);
      const ofTag = (name: string): Buffer | null => present.get(by.tagKey(name)) ?? null;
      const underThem = underTags(bytes, verdict, { tags, epochOf: ofTag, nowMs });
      const value = conclude(waiting, bytes, underThem);
      this.#found(call, { bytes, value, nowMs, epochKeys: [by.epochKey, ...present.keys()] });
    } catch (error) {
      if (error instanceof DecodeError) unreadable(waiting, error);
      else fail(waiting, error);
    }
  }

  async #readEpochs(by: Reading, tags: readonly Tag[], present: Map<string, Buffer | null>): Promise<void> {
    await Promise.all(
      tags.map(async ({ name }) => {
        const key = by.tagKey(name);
        present.set(key, await this.#epochs.read(key));
      }),
    );
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
    if (!perKey) return failAll(batch, error);
    for (const waiting of batch) void this.#readBeside([waiting]);
  }
}

export interface ReaderPorts {
  readonly epochs: Epochs;
  readonly store: EntryStore;
  readonly journal: Journal;
}

/** What was read along with an entry. */
interface Surroundings {
  /** Of the namespace. */
  epoch: Buffer | null;
  readonly epochOf: EpochOf;
  readonly nowMs: number;
}

/** What has tags that have to be looked up. */
interface Tagged {
  readonly bytes: Buffer;
  readonly verdict: Verdict;
  readonly nowMs: number;
  readonly epochOf: EpochOf;
}

/** A copy that is kept near answers at once. */
function foundNear(read: Read, near: Near, copy: Copy): Promise<unknown> {
  read.found = 'fresh';
  if (isToLoad(read)) read.noteCopy(copy.loadMs, near.leftMsOf(copy));
  return Promise.resolve(valueNear(read.by, copy));
}

/** Each distinct epoch that the reads of a batch name, and perhaps some of them twice. */
function forEpochKeys(batch: readonly Waiting[], visit: (key: string) => void): void {
  let by: Reading | undefined;
  for (let index = 0; index < batch.length; index += 1) {
    const { call } = batch[index] as Waiting;
    if (call.by !== by) {
      by = call.by;
      visit(by.epochKey);
    }
    for (const tag of call.tags) visit(by.tagKey(tag));
  }
}

/** Takes over what the batch has brought along. */
function note(epochs: Map<string, Buffer | null>, key: string, epochOf: EpochOf): boolean {
  const epoch = epochOf(key);
  if (epoch === undefined) return false;
  epochs.set(key, epoch);
  return true;
}

/** What is no epoch counts as none. */
function epochIn(answer: unknown): Buffer | null {
  return isEpoch(answer) ? answer : null;
}

function failAll(batch: readonly Waiting[], error: unknown): void {
  for (const waiting of batch) fail(waiting, error);
}

function wrongReply(reply: unknown): BadReplyError {
  return new BadReplyError('MGET', 'one value per key', reply);
}

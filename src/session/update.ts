import { sleep } from '../core/abort.js';
import { jitteredDelay } from '../core/backoff.js';
import type { Runtime } from '../core/runtime.js';
import { SessionConflictError } from './errors.js';
import type { SessionRecord } from './record.js';
import { checkData, merge, type SessionSeal } from './session-seal.js';
import type { SessionStore } from './store.js';

/** What to change: properties to replace, or a function from the data to the new data. */
export type Patch = object | ((data: object) => object | Promise<object>);

/** A session with its data opened. */
export interface OpenSession {
  readonly record: SessionRecord;
  readonly data: object;
}

interface Parts {
  readonly store: SessionStore;
  readonly seal: SessionSeal;
  readonly runtime: Runtime;
}

/** Enough for about a hundred updates of one session at once; more than that is no session. */
const MAX_ATTEMPTS = 24;

/** The first attempts go without a pause: with few writers one of them is the next to win. */
const ATTEMPTS_WITHOUT_PAUSE = 3;
const PAUSE = { baseMs: 2, maxMs: 100 };

/**
 * Optimistic concurrency: read, change a private copy, write if the revision is still the one that was read; else again
 * from what is there now. Undefined when the session is gone, before or in between.
 */
export async function updateStored(
  parts: Parts,
  key: string,
  change: { readonly patch: Patch; readonly ifRevision: number | undefined },
): Promise<OpenSession | undefined> {
  const { store, seal, runtime } = parts;
  for (let attempts = 1; ; attempts += 1) {
    const record = await store.readAll(key);
    if (record === undefined) return undefined;
    const before = seal.openData(key, record);
    const expectedRevision = change.ifRevision ?? record.revision;
    if (record.revision !== expectedRevision) {
      throw new SessionConflictError({ expectedRevision, actualRevision: record.revision, attempts });
    }
    const data = await apply(change.patch, before);
    const { live, revision, saved } = await store.save(key, record, seal.sealData(key, record.bound, data));
    if (live === undefined) return undefined;
    if (saved) return { record: { ...record, ...live, revision }, data };
    if (change.ifRevision !== undefined || attempts === MAX_ATTEMPTS) {
      throw new SessionConflictError({ expectedRevision, actualRevision: revision, attempts });
    }
    const pauses = attempts - ATTEMPTS_WITHOUT_PAUSE;
    if (pauses >= 0) await sleep(runtime.clock, jitteredDelay(pauses, PAUSE, runtime.random));
  }
}

async function apply(patch: Patch, data: object): Promise<object> {
  if (typeof patch !== 'function') return merge(data, patch);
  const change = patch as (data: object) => object | Promise<object>;
  return checkData('updateSession: what the function returned', await change(data));
}

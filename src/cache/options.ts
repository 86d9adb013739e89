import { checkBoolean, checkKnown, checkNumber, checkOneOf, checkText, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { Random } from '../core/random.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { CodecOptions } from '../codec/index.js';
import type { CacheEntry } from './entries/cache-entry.js';
import type { NearOptions } from './near/near-options.js';
import { MAX_TAG_NAME_BYTES, MAX_TAGS } from './entries/tag-section.js';

export interface CacheOptions {
  /** What keys begin with, instead of the manager's `prefix`. */
  readonly prefix?: string | undefined;
  /**
   * The version of the stored shapes, any text. An entry of another version is a miss and is overwritten in place, so
   * a rolling deploy that changes it neither misreads entries nor leaves old ones behind. Default: none.
   */
  readonly version?: string | undefined;
  /** How values become bytes. Default: the manager's `codec`. */
  readonly codec?: CodecOptions | undefined;
  /** What a failing store does to a call: `'open'` (default) or `'throw'`; see `CacheManager`. */
  readonly onError?: 'open' | 'throw' | undefined;
  /**
   * Keeps what is read in the memory of this process, too, coherent with Redis; `{}` for the defaults. A namespace shares
   * what is kept near by the cache it belongs to, or keeps nothing (`false`). Default: `false`.
   */
  readonly near?: false | NearOptions | undefined;
  /** For calls that do not say otherwise. `ttl` here goes before the constructor's. */
  readonly defaults?: Omit<LoadOptions<unknown>, 'force' | 'signal'> | undefined;
}

/** A namespace keeps the prefix of the cache it belongs to, and shares what that keeps near. */
export interface NamespaceOptions extends Omit<CacheOptions, 'prefix' | 'near'> {
  readonly near?: false | undefined;
}

/** Both end this call's wait only; what is already on its way goes on. */
export interface ReadOptions {
  /** Longest wait; after it the read has failed (under `'open'`: a miss). Default: the manager's `commandTimeout`. */
  readonly timeout?: Duration | undefined;
  /** Rejects with its reason, under `'open'` too. */
  readonly signal?: AbortSignal | undefined;
  /** Tags that the entry is likely to have: their state is then asked for along with it, instead of in a second round trip. */
  readonly tags?: readonly string[] | undefined;
}

export interface WriteOptions {
  /** How long the entry is fresh, 1 ms or more; without `grace` also how long Redis keeps it. Default: the cache's. */
  readonly ttl?: Duration | undefined;
  /**
   * By which share, 0 to 1, the entry may expire sooner, at random, so that entries written together do not expire
   * together. Never later than `ttl`. Default: 0 for what is set, 0.1 for what is loaded.
   */
  readonly jitter?: number | undefined;
  /**
   * For how long after its `ttl` Redis keeps the entry as stale: `getOrSet` serves it while it is loaded anew, and when
   * that fails. `get` does not see it any more. Default: 0.
   */
  readonly grace?: Duration | undefined;
  /** How long `notFound()` of a loader is remembered. Default: the `ttl`. */
  readonly negativeTtl?: Duration | undefined;
  /**
   * What `invalidateTags` may call the entry by, together with others of this namespace: at most 255 tags, each of at most
   * 255 bytes. Default: none.
   */
  readonly tags?: readonly string[] | undefined;
  /**
   * Each read that finds the entry fresh gives it its `ttl` anew, when a tenth of that is over. It is not loaded early
   * then, and does not live shorter by `jitter`. Default: false.
   */
  readonly sliding?: boolean | undefined;
}

export interface LoadOptions<T> extends WriteOptions {
  /** Loads even if there is an entry, and even if a load is in progress: that one's result is then not stored. */
  readonly force?: boolean | undefined;
  /** Ends this call's wait with its reason. The loader's own signal aborts when nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What the value must be. Every caller gets what the schema makes of the stored value; an entry that it rejects is
   * a miss, and a loaded value that it rejects is a `LoadedValueError`, not stored.
   */
  readonly schema?: StandardSchemaV1<unknown, T> | undefined;
  /**
   * Longest wait of this call, reading and loading together; then `TimeoutError`. A load in the background is aborted
   * after this. Default: none.
   */
  readonly timeout?: Duration | undefined;
  /**
   * How long a call that has a stale value waits for a load of this process before it serves the stale one. Default: 0.
   */
  readonly softTimeout?: Duration | undefined;
  /**
   * For how long a process that loads is the only one; renewed while the loader runs. It is also how long others wait
   * for a process that has died while it loaded. `false`: each process loads for itself. Default: 5 s.
   */
  readonly lease?: Duration | false | undefined;
  /**
   * How eagerly a value is loaded anew before it is stale, by one caller, at random, the more likely the nearer the end
   * and the longer its last load took: XFetch's beta. `false`: never. Default: 1.
   */
  readonly earlyRefresh?: number | false | undefined;
}

/** What a loader is told, and what it can say beside its value. */
export interface LoadContext {
  readonly key: string;
  /**
   * Aborts when no caller waits for the value any more: each has timed out or was aborted. In the background, after
   * `timeout`.
   */
  readonly signal: AbortSignal;
  /** The value that is to be replaced, if there is one that could still be served. */
  readonly stale: CacheEntry<unknown> | undefined;
  /** Sets options of this value alone, such as a lifetime that its source gave. @throws ConfigError */
  options(options: WriteOptions): void;
  /** Returns the value, which is then not stored: `return skip(value)`. */
  skip<V>(value: V): V;
  /** The stale value is still right, and is fresh again: `return notModified()`. Never returns. @throws ConfigError without one */
  notModified(): never;
  /** There is no value, and that is stored for `negativeTtl`: `return notFound()`. */
  notFound(): undefined;
}

/** Brings a value that the cache does not have. `undefined` means that there is none: it is returned, not stored. */
export type Loader<T> = (context: LoadContext) => T | Promise<T>;

/** What a loader of many keys is told. */
export interface ManyLoadContext<K = string> {
  /** Aborts when no caller waits for any of the keys any more. */
  readonly signal: AbortSignal;
  /** What the loader of this one key would be told, and can say: `of(key).notFound()`. @throws ConfigError for another key */
  of(key: K): LoadContext;
}

/** Brings the values of keys that the cache does not have. A key that is not in the map has no value: nothing is stored. */
export type ManyLoader<T, K = string> = (
  missing: K[],
  context: ManyLoadContext<K>,
) => ReadonlyMap<K, T> | Promise<ReadonlyMap<K, T>>;

const CACHE_OPTIONS = ['prefix', 'version', 'codec', 'onError', 'near', 'defaults'] as const;
const NAMESPACE_OPTIONS = CACHE_OPTIONS.filter((name) => name !== 'prefix');
const READ_OPTIONS = ['timeout', 'signal', 'tags'] as const;
const WRITE_OPTIONS = ['ttl', 'jitter', 'grace', 'negativeTtl', 'tags', 'sliding'] as const;
const DEFAULTS = [...WRITE_OPTIONS, 'schema', 'timeout', 'softTimeout', 'lease', 'earlyRefresh'] as const;
const LOAD_OPTIONS = [...DEFAULTS, 'force', 'signal'] as const;

const LOAD_JITTER = 0.1;
const LEASE_MS = 5_000;
const FROM_0 = { min: 0 } as const;
/** A shorter one would be lost before it could be renewed; a longer one keeps others waiting for the dead. */
const LEASES = { min: 100, max: 600_000 } as const;

/** How long an entry is to live: `jitter` is undefined where the kind of write decides. */
export interface WritePlan {
  readonly ttlMs: number;
  readonly jitter: number | undefined;
  readonly graceMs: number;
  readonly negativeTtlMs: number | undefined;
  readonly tags: readonly string[];
  readonly sliding: boolean;
}

export interface LoadPlan extends WritePlan {
  readonly softTimeoutMs: number;
  /** Undefined: each process loads for itself. */
  readonly leaseMs: number | undefined;
  /** 0: never. */
  readonly earlyRefresh: number;
  readonly force: boolean;
  readonly signal: AbortSignal | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly timeoutMs: number | undefined;
}

/** For how long an entry is fresh, and then stale. */
export interface Life {
  readonly ttlMs: number;
  readonly graceMs: number;
  /** By how much a read prolongs it; 0: not at all. */
  readonly slidingMs: number;
}

/** What is to be written beside the value. */
export interface WriteTerms {
  readonly life: Life;
  readonly tags: readonly string[];
}

export interface ReadPlan {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly tags: readonly string[];
}

export function checkCacheOptions(options: CacheOptions): void {
  checkKnown('cache', options, CACHE_OPTIONS);
  if (options.prefix !== undefined && options.prefix !== '') checkText('cache.prefix', options.prefix);
  checkShared(options);
}

export function checkNamespaceOptions(options: NamespaceOptions): void {
  checkKnown('cache.namespace', options, NAMESPACE_OPTIONS);
  const { near } = options as CacheOptions;
  const expected = '`false`, or left out: what is kept near belongs to the whole cache';
  if (near !== undefined && near !== false) throw wrong('cache.namespace.near', expected, near);
  checkShared(options);
}

function checkShared(options: Pick<CacheOptions, 'version' | 'onError'>): void {
  if (options.version !== undefined) checkText('cache.version', options.version);
  if (options.onError !== undefined) checkOneOf('cache.onError', options.onError, ['open', 'throw']);
}

/** The plan that the defaults of a cache make, each option that is not given falling back to `base`. */
export function planDefaults(defaults: CacheOptions['defaults'], base: LoadPlan): LoadPlan {
  checkKnown('cache.defaults', defaults, DEFAULTS);
  return { ...merge('cache.defaults', defaults ?? {}, base), force: false, signal: undefined };
}

/** The plan of a cache that has no defaults but its lifetime. */
export function planOf(defaultTtl: Duration): LoadPlan {
  return {
    ttlMs: toMs(defaultTtl, 'cache.defaultTtl'),
    jitter: undefined,
    graceMs: 0,
    negativeTtlMs: undefined,
    tags: [],
    sliding: false,
    softTimeoutMs: 0,
    leaseMs: LEASE_MS,
    earlyRefresh: 1,
    force: false,
    signal: undefined,
    schema: undefined,
    timeoutMs: undefined,
  };
}

export function planLoad(options: Duration | LoadOptions<unknown> | undefined, base: LoadPlan): LoadPlan {
  if (options === undefined) return base;
  if (typeof options !== 'object') return { ...base, ttlMs: toMs(options, 'cache.ttl') };
  checkKnown('cache.getOrSet', options, LOAD_OPTIONS);
  const force = options.force === undefined ? false : checkBoolean('cache.force', options.force);
  return { ...merge('cache', options, base), force, signal: checkSignal(options.signal) };
}

function merge(path: string, options: LoadOptions<unknown>, base: LoadPlan): Omit<LoadPlan, 'force' | 'signal'> {
  const { schema, timeout, softTimeout, lease, earlyRefresh } = options;
  return {
    ...mergeWrite(path, options, base),
    schema: schema === undefined ? base.schema : checkSchema(`${path}.schema`, schema),
    timeoutMs: timeout === undefined ? base.timeoutMs : toMs(timeout, `${path}.timeout`),
    softTimeoutMs: softTimeout === undefined ? base.softTimeoutMs : toMs(softTimeout, `${path}.softTimeout`, FROM_0),
    leaseMs: lease === undefined ? base.leaseMs : lease === false ? undefined : toMs(lease, `${path}.lease`, LEASES),
    earlyRefresh: earlyRefresh === undefined ? base.earlyRefresh : checkEarly(`${path}.earlyRefresh`, earlyRefresh),
  };
}

function mergeWrite(path: string, options: WriteOptions, base: WritePlan): WritePlan {
  const { ttl, jitter, grace, negativeTtl, tags, sliding } = options;
  return {
    ttlMs: ttl === undefined ? base.ttlMs : toMs(ttl, `${path}.ttl`),
    jitter: jitter === undefined ? base.jitter : checkNumber(`${path}.jitter`, jitter, { min: 0, max: 1 }),
    graceMs: grace === undefined ? base.graceMs : toMs(grace, `${path}.grace`, FROM_0),
    negativeTtlMs: negativeTtl === undefined ? base.negativeTtlMs : toMs(negativeTtl, `${path}.negativeTtl`),
    tags: tags === undefined ? base.tags : checkTags(`${path}.tags`, tags),
    sliding: sliding === undefined ? base.sliding : checkBoolean(`${path}.sliding`, sliding),
  };
}

/** What a loader has said of its value. */
export function planLoaded(options: WriteOptions, base: WritePlan): WritePlan {
  checkKnown('cache.load.options', options, WRITE_OPTIONS);
  return mergeWrite('cache.load.options', options, base);
}

function checkEarly(path: string, beta: number | false): number {
  return beta === false ? 0 : checkNumber(path, beta, { min: 0, max: 100 });
}

/** How what is set is to be written. */
export function planWrite(ttl: Duration | WriteOptions | undefined, base: WritePlan, random: Random): WriteTerms {
  let plan = base;
  if (typeof ttl === 'object') {
    checkKnown('cache.set', ttl, WRITE_OPTIONS);
    plan = mergeWrite('cache', ttl, base);
  } else if (ttl !== undefined) {
    plan = { ...base, ttlMs: toMs(ttl, 'cache.ttl') };
  }
  return { life: live(plan, 0, random), tags: plan.tags };
}

/** How long what was loaded is to live. */
export function lifeOf(plan: WritePlan, random: Random): Life {
  return live(plan, LOAD_JITTER, random);
}

/** How long it is to be remembered that there is nothing. */
export function negativeLifeOf({ ttlMs, negativeTtlMs }: WritePlan): Life {
  return { ttlMs: negativeTtlMs ?? ttlMs, graceMs: 0, slidingMs: 0 };
}

function live(plan: WritePlan, fallback: number, random: Random): Life {
  const { ttlMs, graceMs } = plan;
  if (plan.sliding) return { ttlMs, graceMs, slidingMs: ttlMs };
  return { ttlMs: jittered(plan, fallback, random), graceMs, slidingMs: 0 };
}

function jittered({ ttlMs, jitter }: WritePlan, fallback: number, random: Random): number {
  const share = jitter ?? fallback;
  return share === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - share * random.uniform())));
}

export function planRead(options: ReadOptions): ReadPlan {
  checkKnown('cache.get', options, READ_OPTIONS);
  const { timeout, signal, tags } = options;
  return {
    timeoutMs: timeout === undefined ? undefined : toMs(timeout, 'cache.timeout'),
    signal: checkSignal(signal),
    tags: tags === undefined ? [] : checkTags('cache.tags', tags),
  };
}

/** @returns each tag once */
export function checkTags(path: string, tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) throw wrong(path, 'an array of tags', tags);
  const distinct = [...new Set(tags.map((tag, index) => checkTag(`${path}[${index}]`, tag)))];
  if (distinct.length > MAX_TAGS) throw wrong(path, `at most ${MAX_TAGS} tags`, `${distinct.length} tags`);
  return distinct;
}

function checkTag(path: string, tag: unknown): string {
  const text = checkText(path, tag);
  if (text.isWellFormed() && Buffer.byteLength(text) <= MAX_TAG_NAME_BYTES) return text;
  throw wrong(path, `well-formed text of at most ${MAX_TAG_NAME_BYTES} bytes`, text);
}

function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrong('cache.signal', 'an AbortSignal', signal);
}

function checkSchema(path: string, schema: StandardSchemaV1): StandardSchemaV1 {
  // arktype's schemas are functions
  if (schema !== null && typeof schema?.['~standard']?.validate === 'function') return schema;
  throw wrong(path, 'a Standard Schema', schema);
}

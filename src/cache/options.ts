import { checkBoolean, checkKnown, checkNumber, checkOneOf, checkText, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { Random } from '../core/random.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { CodecOptions } from '../codec/index.js';

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
  /** For calls that do not say otherwise. `ttl` here goes before the constructor's. */
  readonly defaults?: Omit<LoadOptions<unknown>, 'force' | 'signal'> | undefined;
}

/** A namespace keeps the prefix of the cache it belongs to. */
export type NamespaceOptions = Omit<CacheOptions, 'prefix'>;

/** Both end this call's wait only; what is already on its way goes on. */
export interface ReadOptions {
  /** Longest wait; after it the read has failed (under `'open'`: a miss). Default: the manager's `commandTimeout`. */
  readonly timeout?: Duration | undefined;
  /** Rejects with its reason, under `'open'` too. */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions {
  /** How long Redis keeps the entry, 1 ms or more. Default: the cache's. */
  readonly ttl?: Duration | undefined;
  /**
   * By which share, 0 to 1, the entry may expire sooner, at random, so that entries written together do not expire
   * together. Never later than `ttl`. Default: 0 for what is set, 0.1 for what is loaded.
   */
  readonly jitter?: number | undefined;
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
  /** Longest wait of this call, reading and loading together; then `TimeoutError`. Default: none. */
  readonly timeout?: Duration | undefined;
}

/** What a loader is told. */
export interface LoadContext {
  readonly key: string;
  /** Aborts when no caller waits for the value any more: each has timed out or was aborted. */
  readonly signal: AbortSignal;
}

/** Brings a value that the cache does not have. `undefined` means that there is none: it is returned, not stored. */
export type Loader<T> = (context: LoadContext) => T | Promise<T>;

const CACHE_OPTIONS = ['prefix', 'version', 'codec', 'onError', 'defaults'] as const;
const NAMESPACE_OPTIONS = CACHE_OPTIONS.filter((name) => name !== 'prefix');
const READ_OPTIONS = ['timeout', 'signal'] as const;
const WRITE_OPTIONS = ['ttl', 'jitter'] as const;
const DEFAULTS = [...WRITE_OPTIONS, 'schema', 'timeout'] as const;
const LOAD_OPTIONS = [...DEFAULTS, 'force', 'signal'] as const;

const LOAD_JITTER = 0.1;

/** How long an entry is to live: `jitter` is undefined where the kind of write decides. */
interface Lifetime {
  readonly ttlMs: number;
  readonly jitter: number | undefined;
}

export interface LoadPlan extends Lifetime {
  readonly force: boolean;
  readonly signal: AbortSignal | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly timeoutMs: number | undefined;
}

export interface ReadPlan {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export function checkCacheOptions(options: CacheOptions): void {
  checkKnown('cache', options, CACHE_OPTIONS);
  if (options.prefix !== undefined && options.prefix !== '') checkText('cache.prefix', options.prefix);
  checkShared(options);
}

export function checkNamespaceOptions(options: NamespaceOptions): void {
  checkKnown('cache.namespace', options, NAMESPACE_OPTIONS);
  checkShared(options);
}

function checkShared(options: NamespaceOptions): void {
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
  const { ttl, jitter, schema, timeout } = options;
  return {
    ttlMs: ttl === undefined ? base.ttlMs : toMs(ttl, `${path}.ttl`),
    jitter: jitter === undefined ? base.jitter : checkNumber(`${path}.jitter`, jitter, { min: 0, max: 1 }),
    schema: schema === undefined ? base.schema : checkSchema(`${path}.schema`, schema),
    timeoutMs: timeout === undefined ? base.timeoutMs : toMs(timeout, `${path}.timeout`),
  };
}

/** For how many milliseconds `set` keeps an entry. */
export function writeMs(ttl: Duration | WriteOptions | undefined, base: LoadPlan, random: Random): number {
  if (ttl === undefined) return jittered(base, 0, random);
  if (typeof ttl !== 'object') return jittered({ ttlMs: toMs(ttl, 'cache.ttl'), jitter: base.jitter }, 0, random);
  checkKnown('cache.set', ttl, WRITE_OPTIONS);
  return jittered(merge('cache', ttl, base), 0, random);
}

/** For how many milliseconds a loaded entry is kept. */
export function loadedMs(plan: LoadPlan, random: Random): number {
  return jittered(plan, LOAD_JITTER, random);
}

function jittered({ ttlMs, jitter }: Lifetime, fallback: number, random: Random): number {
  const share = jitter ?? fallback;
  return share === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - share * random.uniform())));
}

export function planRead(options: ReadOptions): ReadPlan {
  checkKnown('cache.get', options, READ_OPTIONS);
  const { timeout, signal } = options;
  return {
    timeoutMs: timeout === undefined ? undefined : toMs(timeout, 'cache.timeout'),
    signal: checkSignal(signal),
  };
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

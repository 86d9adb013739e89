export { CacheManager } from './cache-manager.js';
export { CounterError, LoadedValueError, PartialWriteError, type CounterProblem } from './errors.js';
export type { CacheEntry, EntryState } from './entries/cache-entry.js';
export type { CacheEvents, CacheFailure } from './failures.js';
export type {
  CacheOptions,
  LoadContext,
  Loader,
  LoadOptions,
  ManyLoadContext,
  ManyLoader,
  NamespaceOptions,
  ReadOptions,
  WriteOptions,
} from './options.js';
export type { Wrapped, WrapSpec } from './wrap.js';
export type { CacheLoadTrace } from './loads/load-trace.js';
export type { CacheStats } from './stats.js';

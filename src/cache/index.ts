export { CacheManager } from './cache-manager.js';
export { CounterError, LoadedValueError, PartialWriteError, type CounterProblem } from './errors.js';
export type {
  DefinedCallOptions,
  DefinedWriteOptions,
  Definition,
  DefinitionSpec,
  LoadManySpec,
  LoadOneSpec,
} from './definitions/definition.js';
export type { CacheEntry, EntryState } from './entries/cache-entry.js';
export type { CacheEvents, CacheFailure } from './events.js';
export type { NearCoherence, NearIsolation, NearOptions } from './near/near-options.js';
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
export type { CacheOperationTrace } from './trace.js';
export type { InvalidateOptions } from './invalidations.js';
export type { JournalStats } from './journal/journal.js';
export type { NearStats } from './near/near.js';
export type { CacheStats, MissReason } from './stats.js';

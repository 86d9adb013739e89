export { DistributedLock } from './lock.js';
export type { LockGuard } from './lock-guard.js';
export type { ReleaseResult } from './keeper.js';
export type { AcquireOptions, LockOptions } from './options.js';
export { LockLostError, type LockLostReason, LockTimeoutError } from './errors.js';
